package signals

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/valyala/fastjson"
)

// WriteText writes the rows as a table under a heading, for people. Real-time
// signals that share their fate share a line.
func WriteText(w io.Writer, t Task, rows []Row) error {
	cells := [][]string{{"SIGNAL", "DISPOSITION", "INSIDE", "OUTSIDE", "FAULT", "REASON"}}
	for len(rows) > 0 {
		n := run(rows)
		cells = append(cells, line(rows[0], rows[n-1]))
		rows = rows[n:]
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, t)
	for _, gap := range t.Gaps {
		fmt.Fprintln(b, "unknown:", gap)
	}
	align(b, cells)
	return b.Flush()
}

// run is how many rows at the head share a line.
func run(rows []Row) int {
	n := 1
	for n < len(rows) && rows[0].realTime() && rows[n].like(rows[0]) {
		n++
	}
	return n
}

// line is the cells of the rows from first to last.
func line(first, last Row) []string {
	name, reason := first.Name, first.Reason
	if last.Signal != first.Signal {
		name += ".." + strings.TrimPrefix(last.Name, "SIG")
		reason = strings.ReplaceAll(reason, first.Name, "these")
	}
	how := first.Disposition.String()
	if first.Mask != "" {
		how += ", " + first.Mask
	}
	if first.Queued {
		how += ", queued"
	}
	fault := "-"
	if first.Fault.Action != None {
		fault = first.Fault.Action.String()
	}
	return []string{name, how, first.Inside.Action.String(), first.Outside.Action.String(), fault, reason}
}

// align writes cells in columns, two blanks apart, the last one ragged.
func align(w *bufio.Writer, cells [][]string) {
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], len(c))
		}
	}
	for _, row := range cells {
		last := len(row) - 1
		for i, c := range row[:last] {
			fmt.Fprintf(w, "%-*s  ", width[i], c)
		}
		fmt.Fprintln(w, row[last])
	}
}

// AppendJSON appends the rows as one JSON object: the process and, for each
// signal, the answers with their reasons.
func AppendJSON(dst []byte, t Task, rows []Row) []byte {
	var a fastjson.Arena
	o := a.NewObject()
	o.Set("pid", a.NewNumberInt(t.Pid))
	o.Set("nspid", ints(&a, t.NSpid))
	o.Set("name", a.NewString(t.Name))
	o.Set("state", a.NewString(string(rune(t.State))))
	o.Set("threads", a.NewNumberInt(len(t.Threads)))
	o.Set("init", boolean(&a, t.Init()))
	o.Set("tracer", a.NewNumberInt(t.TracerPid))
	o.Set("dying", boolean(&a, t.Dying()))
	o.Set("draining", boolean(&a, t.Draining()))
	gaps, list := a.NewArray(), a.NewArray()
	for i, gap := range t.Gaps {
		gaps.SetArrayItem(i, a.NewString(gap))
	}
	for i, r := range rows {
		list.SetArrayItem(i, r.json(&a))
	}
	o.Set("unknown", gaps)
	o.Set("signals", list)
	return o.MarshalTo(dst)
}

func (r Row) json(a *fastjson.Arena) *fastjson.Value {
	o := a.NewObject()
	o.Set("signal", a.NewNumberInt(r.Signal))
	o.Set("name", a.NewString(r.Name))
	o.Set("disposition", a.NewString(r.Disposition.String()))
	if r.Mask != "" {
		o.Set("mask", a.NewString(r.Mask))
	}
	o.Set("queued", boolean(a, r.Queued))
	o.Set("inside", r.Inside.json(a, a.NewObject()))
	o.Set("outside", r.Outside.json(a, a.NewObject()))
	if r.Fault.Action != None {
		o.Set("fault", r.Fault.json(a, a.NewObject()))
	}
	return o
}

// json adds the answer's fields to an object.
func (ans Answer) json(a *fastjson.Arena, o *fastjson.Value) *fastjson.Value {
	o.Set("result", a.NewNumberInt(ans.Result))
	o.Set("action", a.NewString(ans.Action.String()))
	if ans.AfterUnblock != None {
		o.Set("after_unblock", a.NewString(ans.AfterUnblock.String()))
	}
	if ans.TracerFirst {
		o.Set("tracer_first", a.NewTrue())
	}
	o.Set("reason", a.NewString(ans.Reason))
	return o
}

func ints(a *fastjson.Arena, list []int) *fastjson.Value {
	v := a.NewArray()
	for i, n := range list {
		v.SetArrayItem(i, a.NewNumberInt(n))
	}
	return v
}

func boolean(a *fastjson.Arena, b bool) *fastjson.Value {
	if b {
		return a.NewTrue()
	}
	return a.NewFalse()
}
