package observe

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/valyala/fastjson"

	"minirun/runtime/signals"
)

// ReadJSON reads back what WriteJSON wrote, so that a timeline can be written
// in another format later. What the lines say beyond the events is worked out
// again by Build.
func ReadJSON(text []byte) (About, []Event, error) {
	var (
		about  About
		events []Event
		p      fastjson.Parser
		n      int
	)
	for line := range bytes.Lines(text) {
		n++
		v, err := p.ParseBytes(line)
		if err == nil {
			err = readLine(v, &about, &events)
		}
		if err != nil {
			return about, nil, fmt.Errorf("read timeline: line %d: %w", n, err)
		}
	}
	return about, events, nil
}

func readLine(v *fastjson.Value, about *About, events *[]Event) error {
	switch kind := string(v.GetStringBytes("kind")); kind {
	case "timeline":
		*about = readAbout(v)
		if n := v.GetInt("version"); n != JSONVersion {
			return fmt.Errorf("version %d, want %d", n, JSONVersion)
		}
	case "summary":
		lost := v.GetUint64("lost")
		for i := range *events {
			lost -= min(lost, (*events)[i].Count)
		}
		about.Lost = lost
	default:
		e, err := readEvent(v, kind)
		if err != nil {
			return err
		}
		*events = append(*events, e)
	}
	return nil
}

func readAbout(v *fastjson.Value) About {
	a := About{
		ID: string(v.GetStringBytes("id")), Init: int32(v.GetInt("init")), Zero: v.GetInt64("start"),
		Origin: Origin(word(v, "source", func(i int) string { return Origin(i).String() })),
	}
	for _, s := range v.GetArray("skipped") {
		a.Skipped = append(a.Skipped, string(s.GetStringBytes()))
	}
	return a
}

// word is the number of a word of an enumeration; the one after the last if there is none.
func word(v *fastjson.Value, key string, name func(int) string) int {
	s, i := string(v.GetStringBytes(key)), 0
	for name(i) != s && name(i) != "" {
		i++
	}
	return i
}

func readEvent(v *fastjson.Value, kind string) (Event, error) {
	e := Event{
		Time: v.GetInt64("time"), Count: v.GetUint64("count"), Text: string(v.GetStringBytes("text")),
		Evidence: Evidence(word(v, "evidence", func(i int) string { return Evidence(i).String() })),
		Origin:   Origin(word(v, "source", func(i int) string { return Origin(i).String() })),
		Signal:   uint8(v.GetUint("signal")),
	}
	for k := Fork; k <= lastKind; k++ {
		if k.String() == kind {
			e.Kind = k
		}
	}
	if s := v.GetStringBytes("state"); len(s) == 1 {
		e.State = s[0]
	}
	e.Task, e.Target = readTask(v.Get("task")), readTask(v.Get("target"))
	readKnown(v, &e)
	return e, e.check()
}

// readKnown reads the fields that are there, and notes that they are.
func readKnown(v *fastjson.Value, e *Event) {
	for _, f := range [...]struct {
		key string
		has Has
		set func(n *fastjson.Value)
	}{
		{"cpu", HasCPU, func(n *fastjson.Value) { e.CPU = uint16(n.GetUint()) }},
		{"result", HasResult, func(n *fastjson.Value) { e.Result = uint8(n.GetUint()) }},
		{"code", HasCode, func(n *fastjson.Value) { e.Code = int32(n.GetInt()) }},
		{"status", HasStatus, func(n *fastjson.Value) { e.Status = uint32(n.GetUint()) }},
		{"handler", HasHandler, func(n *fastjson.Value) { e.Handler = hexOf(n) }},
		{"blocked", HasMasks, func(n *fastjson.Value) { e.Blocked = signals.Set(hexOf(n)) }},
		{"realBlocked", HasMasks, func(n *fastjson.Value) { e.RealBlocked = signals.Set(hexOf(n)) }},
		{"caught", HasActions, func(n *fastjson.Value) { e.Caught = signals.Set(hexOf(n)) }},
		{"ignored", HasActions, func(n *fastjson.Value) { e.Ignored = signals.Set(hexOf(n)) }},
		{"group", HasGroup, func(n *fastjson.Value) { e.flag(n, FlagGroup) }},
		{"groupDead", HasGroupDead, func(n *fastjson.Value) { e.flag(n, FlagGroupDead) }},
		{"init", HasTarget, func(n *fastjson.Value) { e.flag(n, FlagInit) }},
		{"dying", HasTarget, func(n *fastjson.Value) { e.flag(n, FlagDying) }},
		{"traced", HasTarget, func(n *fastjson.Value) { e.flag(n, FlagTraced) }},
	} {
		if n := v.Get(f.key); n != nil {
			e.Has |= f.has
			f.set(n)
		}
	}
	for _, c := range circumstances {
		if c.key != "" {
			e.flag(v.Get(c.key), c.flag)
		}
	}
}

func (e *Event) flag(v *fastjson.Value, f Flags) {
	if v.GetBool() {
		e.Flags |= f
	}
}

// hexOf reads 0x and digits; what is none is 0.
func hexOf(v *fastjson.Value) uint64 {
	n, _ := strconv.ParseUint(string(bytes.TrimPrefix(v.GetStringBytes(), []byte("0x"))), 16, 64)
	return n
}

func readTask(v *fastjson.Value) Task {
	if v == nil {
		return Task{}
	}
	number := func(key string) int32 {
		if v.Get(key) == nil {
			return Unknown
		}
		return int32(v.GetInt(key))
	}
	return Task{
		Pid: int32(v.GetInt("pid")), Tgid: int32(v.GetInt("tgid")), Parent: int32(v.GetInt("parent")),
		Inside: number("inside"), Own: number("own"), Depth: number("depth"),
		Comm: Comm(string(v.GetStringBytes("name"))),
	}
}
