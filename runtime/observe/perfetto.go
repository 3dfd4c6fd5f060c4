package observe

import (
	"errors"
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
func (t *Timeline) WritePerfetto(w io.Writer) error { return t.Write(w, Perfetto) }

// perfetto writes packets. Those that name the tracks come first in the file
// and are known last, so the others wait in a spool.
type perfetto struct {
	to     io.Writer
	tracks []byte
	users  map[int32]int // of a process id, one after another
	spool  spool
	packet message

	scratch struct{ event, from, to, note message }
}

func newPerfetto(w io.Writer) *perfetto {
	p := &perfetto{to: w, users: map[int32]int{}}
	p.scratch.from, p.scratch.to = make(message, 0, 256), make(message, 0, 512)
	p.named(trackOurs, "minirun")
	p.named(trackPhases, "phases of the end")
	return p
}

// The tracks that are not a process's.
const (
	trackOurs = 1 + iota
	trackPhases
	trackFirst // of the processes, by their numbers
)

func (p *Process) track() uint64 {
	if p == nil {
		return trackOurs
	}
	return trackFirst + uint64(p.N)
}

// gone writes of a process what is written of the others at the end.
func (p *perfetto) gone(t *Timeline, process *Process) {
	p.describe(process)
	p.life(t, process)
}

func (p *perfetto) end(t *Timeline) error {
	for _, process := range t.Processes {
		p.gone(t, process)
	}
	for _, phase := range t.Phases {
		p.event(phase.From, trackPhases, sliceBegin, phase.Name)
		p.event(phase.To, trackPhases, sliceEnd, "")
	}
	if _, err := p.to.Write(p.tracks); err != nil {
		return errors.Join(err, p.spool.drop())
	}
	return p.spool.end(p.to)
}

// Flush has nothing to write before the end.
func (p *perfetto) Flush() error { return p.spool.err }

// wrap makes a packet of a message. All are of one sequence, whose first clears the state.
func (p *perfetto) wrap(m message) message {
	m.uint(packetSequence, 1)
	if len(p.tracks) == 0 {
		m.uint(packetFlags, stateCleared)
	}
	p.packet = p.packet[:0]
	p.packet.bytes(fieldPacket, m)
	return p.packet
}

// describe names the track of a process. A second track with the same pid is
// another process for the trace processor, but it takes the third for the second
// (v55.3: what StartNewProcess returns is not noted). A track of nothing in between is so taken.
func (p *perfetto) describe(process *Process) {
	if p.users[process.Tgid]++; p.users[process.Tgid] > 2 {
		p.process(unused|process.track(), process.Tgid, "")
	}
	p.process(process.track(), process.Tgid, process.label(""))
}

// unused is set in the number of a track on which nothing is.
const unused = 1 << 63

func (p *perfetto) process(id uint64, pid int32, name string) {
	var of, tr, m message
	of.uint(processPid, uint64(pid))
	if name != "" {
		of.string(processName, name)
	}
	tr.uint(trackID, id)
	tr.bytes(trackProcess, of)
	m.bytes(packetDescriptor, tr)
	p.tracks = append(p.tracks, p.wrap(m)...)
}

func (p *perfetto) named(id uint64, name string) {
	var tr, m message
	tr.uint(trackID, id)
	tr.string(trackName, name)
	m.bytes(packetDescriptor, tr)
	p.tracks = append(p.tracks, p.wrap(m)...)
}

// life is what a process's track shows: that it lived, and that it waited to be reaped.
func (p *perfetto) life(t *Timeline, process *Process) {
	if process.Inside <= 0 {
		return
	}
	begin, end := max(process.Begin, t.Start()), process.End
	if end == 0 {
		end = t.Finish()
	}
	p.event(begin, process.track(), sliceBegin, process.names())
	p.event(end, process.track(), sliceEnd, "")
	if process.Gone > end && !process.Late {
		p.event(end, process.track(), sliceBegin, "zombie")
		p.event(process.Gone, process.track(), sliceEnd, "")
	}
}

// entry is an instant on the track of who acts. A signal is another on the
// receiver's, when it is taken or, if it never is, a moment later, and a flow between the two.
func (p *perfetto) entry(_ *Timeline, e *Entry) {
	if e.Kind == Deliver && e.Pair != nil || e.Kind == Free || e.Folded && e.Kind != Generate && e.Kind != Deliver {
		return
	}
	l := e.Line()
	if e.Kind != Generate {
		p.event(e.Time, e.Who.track(), instant, l.What)
		return
	}
	name, flow, at := signals.Name(int(e.Signal)), uint64(e.N)+1, e.Time+1
	if e.Pair != nil {
		at = max(e.Pair.Time, at)
	}
	from, to := p.scratch.from[:0], p.scratch.to[:0]
	from.fixed64(eventFlow, flow)
	to.fixed64(eventFlowEnd, flow)
	p.annotate(&to, "from", l.Who)
	p.annotate(&to, "result", e.Outcome.String())
	p.annotate(&to, "reason", l.What)
	p.add(from, e.Time, e.Who.track(), instant, name+" to "+l.Whom)
	p.add(to, at, e.Whom.track(), instant, name+": "+l.What)
}

func (p *perfetto) annotate(to *message, name, text string) {
	a := p.scratch.note[:0]
	a.string(annotationName, name)
	a.string(annotationText, text)
	to.bytes(eventAnnotation, a)
	p.scratch.note = a
}

func (p *perfetto) event(at int64, track uint64, kind uint64, name string) {
	p.add(p.scratch.from[:0], at, track, kind, name)
}

func (p *perfetto) add(e message, at int64, track, kind uint64, name string) {
	e.uint(eventType, kind)
	e.uint(eventTrack, track)
	if name != "" {
		e.string(eventCategory, "minirun")
		e.string(eventName, name)
	}
	m := p.scratch.event[:0]
	m.uint(packetTime, uint64(at))
	m.bytes(packetEvent, e)
	p.spool.write(p.wrap(m))
	p.scratch.event = m
}
