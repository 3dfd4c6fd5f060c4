package observe

import (
	"bufio"
	"io"

	"minirun/runtime/signals"
)

// The numbers of the fields that are used, of github.com/google/perfetto,
// protos/perfetto/trace: trace.proto, trace_packet.proto and track_event/*.proto.
const (
	fieldPacket = 1 // Trace

	packetTime       = 8 // TracePacket
	packetSequence   = 10
	packetEvent      = 11
	packetFlags      = 13
	packetDescriptor = 60

	trackID      = 1 // TrackDescriptor
	trackName    = 2
	trackProcess = 3

	processPid  = 1 // ProcessDescriptor
	processName = 6

	eventAnnotation = 4 // TrackEvent
	eventType       = 9
	eventTrack      = 11
	eventCategory   = 22
	eventName       = 23
	eventFlow       = 47
	eventFlowEnd    = 48

	annotationText = 6 // DebugAnnotation
	annotationName = 10

	stateCleared = 1 // SEQ_INCREMENTAL_STATE_CLEARED
)

// The types of an event.
const (
	sliceBegin = 1
	sliceEnd   = 2
	instant    = 3
)

// WritePerfetto writes a trace that ui.perfetto.dev opens: a track for each
// process, which shows its life and, after that, how long it was a zombie; a
// track for what minirun did, and one for the phases; signals are arrows between tracks.
func (t *Timeline) WritePerfetto(w io.Writer) error {
	p := perfetto{Writer: bufio.NewWriterSize(w, 1<<16), t: t}
	for i := range t.Processes {
		p.describe(int32(i))
	}
	p.named(p.ours(), "minirun")
	p.named(p.phases(), "phases of the end")
	for i := range t.Processes {
		p.life(int32(i))
	}
	for i := range t.Entries {
		p.entry(i)
	}
	for _, phase := range t.Phases {
		p.event(phase.From, p.phases(), sliceBegin, phase.Name)
		p.event(phase.To, p.phases(), sliceEnd, "")
	}
	return p.Flush()
}

// perfetto writes packets. A track's number is the index of its process, from 1.
type perfetto struct {
	*bufio.Writer
	t      *Timeline
	begun  bool
	packet message
}

func track(process int32) uint64   { return uint64(process) + 1 }
func (p *perfetto) ours() uint64   { return uint64(len(p.t.Processes)) + 1 }
func (p *perfetto) phases() uint64 { return p.ours() + 1 }
func (p *perfetto) of(i int32) uint64 {
	if i == None {
		return p.ours()
	}
	return track(i)
}

// write ends a packet. All are of one sequence, whose first clears the state.
func (p *perfetto) write(m message) {
	m.uint(packetSequence, 1)
	if !p.begun {
		p.begun = true
		m.uint(packetFlags, stateCleared)
	}
	p.packet = p.packet[:0]
	p.packet.bytes(fieldPacket, m)
	p.Write(p.packet)
}

func (p *perfetto) describe(i int32) {
	process := &p.t.Processes[i]
	var of, tr, m message
	of.uint(processPid, uint64(process.Tgid))
	of.string(processName, process.label(""))
	tr.uint(trackID, track(i))
	tr.bytes(trackProcess, of)
	m.bytes(packetDescriptor, tr)
	p.write(m)
}

func (p *perfetto) named(id uint64, name string) {
	var tr, m message
	tr.uint(trackID, id)
	tr.string(trackName, name)
	m.bytes(packetDescriptor, tr)
	p.write(m)
}

// life is what a process's track shows: that it lived, and that it waited to be reaped.
func (p *perfetto) life(i int32) {
	process := &p.t.Processes[i]
	if process.Inside <= 0 {
		return
	}
	begin, end := max(process.Begin, p.t.Start()), process.End
	if end == 0 {
		end = p.t.Finish()
	}
	p.event(begin, track(i), sliceBegin, process.names())
	p.event(end, track(i), sliceEnd, "")
	if process.Gone > end && !process.Late {
		p.event(end, track(i), sliceBegin, "zombie")
		p.event(process.Gone, track(i), sliceEnd, "")
	}
}

// entry is an instant on the track of who acts. A signal is another on the
// receiver's, when it is taken or, if it never is, a moment later, and a flow between the two.
func (p *perfetto) entry(i int) {
	e := &p.t.Entries[i]
	if e.Kind == Deliver && e.Pair != None || e.Kind == Free || e.Folded && e.Kind != Generate && e.Kind != Deliver {
		return
	}
	l := p.t.Line(i)
	if e.Kind != Generate {
		p.event(e.Time, p.of(e.Who), instant, l.What)
		return
	}
	name, flow, at := signals.Name(int(e.Signal)), uint64(i)+1, e.Time+1
	if e.Pair != None {
		at = max(p.t.Entries[e.Pair].Time, at)
	}
	var from, to message
	from.fixed64(eventFlow, flow)
	to.fixed64(eventFlowEnd, flow)
	annotate(&to, "from", l.Who)
	annotate(&to, "result", e.Outcome.String())
	annotate(&to, "reason", l.What)
	p.add(from, e.Time, p.of(e.Who), instant, name+" to "+l.Whom)
	p.add(to, at, p.of(e.Whom), instant, name+": "+l.What)
}

func annotate(to *message, name, text string) {
	var a message
	a.string(annotationName, name)
	a.string(annotationText, text)
	to.bytes(eventAnnotation, a)
}

func (p *perfetto) event(at int64, track uint64, kind uint64, name string) {
	p.add(nil, at, track, kind, name)
}

func (p *perfetto) add(e message, at int64, track, kind uint64, name string) {
	e.uint(eventType, kind)
	e.uint(eventTrack, track)
	if name != "" {
		e.string(eventCategory, "minirun")
		e.string(eventName, name)
	}
	var m message
	m.uint(packetTime, uint64(at))
	m.bytes(packetEvent, e)
	p.write(m)
}
