package observe

import (
	"bufio"
	"io"

	"minirun/runtime/signals"
)

// JSONVersion is that of the JSON lines. It grows when a field changes its
// meaning or goes; a new field does not change it.
const JSONVersion = 1

// WriteJSON writes a line about the timeline, one for each event, and one for the
// summary, each a JSON object. The package comment tells the fields.
func (t *Timeline) WriteJSON(w io.Writer) error { return t.Write(w, JSON) }

// A jsonSink writes JSON lines.
type jsonSink struct {
	*bufio.Writer
	begun bool
	line  []byte
}

func (s *jsonSink) begin(t *Timeline) {
	if !s.begun {
		s.begun = true
		s.Write(appendHead(s.line[:0], t))
	}
}

func (s *jsonSink) entry(t *Timeline, e *Entry) {
	s.begin(t)
	s.line = e.appendJSON(s.line[:0])
	s.Write(s.line)
}

func (s *jsonSink) gone(*Timeline, *Process) {}

func (s *jsonSink) end(t *Timeline) error {
	s.begin(t)
	s.Write(t.appendSummary(s.line[:0]))
	return s.Flush()
}

func appendHead(dst []byte, t *Timeline) []byte {
	o := begin(dst)
	o.str("kind", "timeline")
	o.int("version", JSONVersion)
	o.str("id", t.ID)
	o.int("init", int64(t.Init))
	o.str("source", t.Origin.String())
	o.list("skipped", t.Skipped)
	o.int("start", t.Start())
	return o.end()
}

func (e *Entry) appendJSON(dst []byte) []byte {
	o := begin(dst)
	o.str("kind", e.Kind.String())
	o.int("n", int64(e.N))
	o.appendEvent(&e.Event)
	if e.Kind == Generate || e.Kind == Deliver {
		o.text("outcome", e.Outcome.String())
		o.text("reason", e.Reason)
	}
	if e.Kind == Generate {
		o.str("way", e.Way.String())
		o.entry("by", e.By)
	}
	o.entry("pair", e.Pair)
	if e.Kind == Exit && e.Is(FlagGroupDead) && e.Who != nil {
		e.Who.appendCause(&o)
	}
	o.yes("folded", e.Folded)
	if e.Repeats > 0 {
		o.int("repeats", int64(e.Repeats))
	}
	return o.end()
}

// appendEvent writes what the source told, and nothing that it did not.
func (o *object) appendEvent(e *Event) {
	o.int("time", e.Time)
	o.str("evidence", e.Evidence.String())
	o.str("source", e.Origin.String())
	if e.Known(HasCPU) {
		o.int("cpu", int64(e.CPU))
	}
	o.task("task", &e.Task)
	o.task("target", &e.Target)
	o.appendSignal(e)
	if e.Known(HasGroupDead) {
		o.bool("groupDead", e.Is(FlagGroupDead))
	}
	if e.Known(HasStatus) {
		o.int("status", int64(e.Status))
	}
	if e.State != 0 {
		o.str("state", string(rune(e.State)))
	}
	if e.Kind == Lost {
		o.int("count", int64(e.Count))
	}
	o.text("text", e.Text)
}

func (o *object) appendSignal(e *Event) {
	if e.Signal != 0 {
		o.int("signal", int64(e.Signal))
		o.str("signalName", signals.Name(int(e.Signal)))
	}
	if e.Known(HasResult) {
		o.int("result", int64(e.Result))
	}
	if e.Known(HasCode) {
		o.int("code", int64(e.Code))
	}
	if e.Known(HasGroup) {
		o.bool("group", e.Is(FlagGroup))
	}
	if e.Known(HasHandler) {
		o.hex("handler", e.Handler)
	}
	if e.Known(HasMasks) {
		o.hex("blocked", uint64(e.Blocked))
		o.hex("realBlocked", uint64(e.RealBlocked))
	}
	if e.Known(HasActions) {
		o.hex("caught", uint64(e.Caught))
		o.hex("ignored", uint64(e.Ignored))
	}
	if e.Known(HasTarget) {
		o.bool("init", e.Is(FlagInit))
		o.bool("dying", e.Is(FlagDying))
		o.bool("traced", e.Is(FlagTraced))
	}
	for _, c := range circumstances {
		if c.key != "" {
			o.yes(c.key, e.Is(c.flag))
		}
	}
}

func (p *Process) appendCause(o *object) {
	o.key("cause")
	c := begin(o.buf)
	c.str("kind", p.Cause.Kind.String())
	if p.Known {
		c.int("code", int64(p.code()))
	}
	if p.Cause.Signal != 0 {
		c.int("signal", int64(p.Cause.Signal))
		c.str("signalName", signals.Name(int(p.Cause.Signal)))
	}
	if p.Cause.Kind == BySignal {
		c.str("way", p.Cause.Way.String())
		c.entry("entry", p.Cause.Entry)
	}
	c.str("words", p.Cause.Words)
	o.buf = c.close()
}

// code is the exit as shells and engines give it.
func (p *Process) code() int {
	if sig := int(p.Status & 0x7f); sig != 0 {
		return 128 + sig
	}
	return int(p.Status >> 8 & 0xff)
}
