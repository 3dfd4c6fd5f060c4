package nsinit

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"
)

// Print writes the plan for a reader: a numbered list of calls in strace's
// notation, each group under the reason that it is there. Numbers count from 1.
func (p *Plan) Print(out io.Writer) error {
	w := bufio.NewWriter(out)
	p.print(w)
	if p.Init != nil {
		fmt.Fprintf(w, "\n# the built-in init, PID 1 from here on\n")
		p.Init.print(w)
	}
	return w.Flush()
}

func (p *Plan) print(w io.Writer) {
	at := p.labels()
	why := ""
	for i, s := range p.Steps {
		if s.Why != why {
			fmt.Fprintf(w, "# %s\n", s.Why)
			why = s.Why
		}
		fmt.Fprintf(w, "%4d  %s\n", p.First+i+1, opText(s.Op, at))
	}
}

// labels maps each label to the number of its step, counted from 1.
func (p *Plan) labels() map[string]int {
	at := make(map[string]int)
	for i, s := range p.Steps {
		if s.Label != "" {
			at[s.Label] = p.First + i + 1
		}
	}
	return at
}

func opText(op Op, at map[string]int) string {
	switch op := op.(type) {
	case Call:
		return callText(op) + branchText(op, at)
	case If:
		return fmt.Sprintf("if %s %s %s: go to %d", maskText(op), op.Cmp, argText(op.Value), at[op.To])
	case Goto:
		return fmt.Sprintf("go to %d", at[op.To])
	case Set:
		return setText(op)
	case Fail:
		return "fail with " + failText(op)
	case Mark:
		return fmt.Sprintf("report %q, %s", op.Name, argText(op.Value))
	case Host:
		return "minirun: " + op.Text
	}
	return "?"
}

func callText(c Call) string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = argText(a)
	}
	text := c.Name + "(" + strings.Join(args, ", ") + ")"
	if c.Result != nil {
		text += " = " + c.Result.Name
	}
	return text
}

// Subject names the call for an error: its name, and of an fsconfig the option,
// because the errno alone does not tell which one the filesystem does not like.
func (c Call) Subject() string {
	if c.Name != "fsconfig" || len(c.Args) < 4 {
		return c.Name
	}
	key, ok := c.Args[2].(Str)
	if !ok {
		return c.Name
	}
	if value, ok := c.Args[3].(Str); ok {
		return c.Name + " " + string(key) + "=" + string(value)
	}
	return c.Name + " " + string(key)
}

func branchText(c Call, at map[string]int) string {
	var to []string
	for _, on := range c.On {
		where := "go on"
		if on.To != "" {
			where = strconv.Itoa(at[on.To])
		}
		to = append(to, unix.ErrnoName(on.Errno)+": "+where)
	}
	if c.OK != "" {
		to = append(to, "success: "+strconv.Itoa(at[c.OK]))
	}
	if len(to) == 0 {
		return ""
	}
	return "    [" + strings.Join(to, ", ") + "]"
}

func maskText(op If) string {
	if op.Mask == 0 {
		return op.Cell.Name
	}
	return fmt.Sprintf("%s & %#x", op.Cell.Name, op.Mask)
}

func setText(op Set) string {
	text := op.Cell.Name + " = " + argText(op.A)
	if op.Fn != "" {
		text += " " + string(op.Fn) + " " + argText(op.B)
	}
	return text
}

func failText(op Fail) string {
	if op.Message != "" {
		return unix.ErrnoName(op.Errno) + ": " + op.Message
	}
	return unix.ErrnoName(op.Errno)
}

func argText(a Arg) string {
	switch a := a.(type) {
	case Const:
		if a.Text != "" {
			return a.Text
		}
		return strconv.FormatInt(int64(a.V), 10)
	case Val:
		return a.Cell.Name
	case Str:
		return strconv.Quote(string(a))
	case Ptr:
		if a.Off != 0 {
			return fmt.Sprintf("%s+%d", a.Data.text(), a.Off)
		}
		return a.Data.text()
	}
	return "?"
}

// JSON is the plan as an array, an object a step: step, call, args, result,
// on, success, text, why. Other operations than calls have text alone.
func (p *Plan) JSON() []byte {
	var a fastjson.Arena
	list := a.NewArray()
	p.stepsJSON(&a, list)
	if p.Init != nil {
		p.Init.stepsJSON(&a, list)
	}
	return append(list.MarshalTo(nil), '\n')
}

func (p *Plan) stepsJSON(a *fastjson.Arena, list *fastjson.Value) {
	at := p.labels()
	for i, s := range p.Steps {
		o := a.NewObject()
		o.Set("step", a.NewNumberInt(p.First+i+1))
		if c, ok := s.Op.(Call); ok {
			callJSON(a, o, c, at)
		}
		o.Set("text", a.NewString(printable(opText(s.Op, at))))
		o.Set("why", a.NewString(printable(s.Why)))
		list.SetArrayItem(p.First+i, o)
	}
}

// printable replaces control characters, which fastjson writes as Go escapes
// and JSON does not have.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func callJSON(a *fastjson.Arena, o *fastjson.Value, c Call, at map[string]int) {
	o.Set("call", a.NewString(c.Name))
	args := a.NewArray()
	for i, arg := range c.Args {
		args.SetArrayItem(i, a.NewString(printable(argText(arg))))
	}
	o.Set("args", args)
	if c.Result != nil {
		o.Set("result", a.NewString(c.Result.Name))
	}
	if c.OK != "" {
		o.Set("success", a.NewNumberInt(at[c.OK]))
	}
	if len(c.On) == 0 {
		return
	}
	on := a.NewObject()
	for _, e := range c.On {
		on.Set(unix.ErrnoName(e.Errno), a.NewNumberInt(at[e.To])) // 0: the next step
	}
	o.Set("on", on)
}
