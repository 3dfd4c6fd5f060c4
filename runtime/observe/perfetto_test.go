package observe

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// A node is a message as protowire, which knows nothing of the writer, takes it apart.
type node map[protowire.Number][]any

func parse(t *testing.T, b []byte) node {
	t.Helper()
	n := node{}
	for len(b) > 0 {
		field, wire, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		var v any
		switch wire {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v, size = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		default:
			t.Fatalf("field %d has wire type %d", field, wire)
		}
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		n[field], b = append(n[field], v), b[size:]
	}
	return n
}

func (n node) number(field protowire.Number) uint64 {
	if len(n[field]) != 1 {
		return 0
	}
	v, _ := n[field][0].(uint64)
	return v
}

func (n node) text(field protowire.Number) string {
	if len(n[field]) != 1 {
		return ""
	}
	b, _ := n[field][0].([]byte)
	return string(b)
}

// perfettoSeen is what a reader of a trace finds in it.
type perfettoSeen struct {
	tracks     map[uint64]string
	open       map[uint64][]string
	from, to   map[uint64]uint64 // flows: time
	names      []string
	descriptor int
}

func readPerfetto(t *testing.T, trace []byte) perfettoSeen {
	s := perfettoSeen{map[uint64]string{}, map[uint64][]string{}, map[uint64]uint64{}, map[uint64]uint64{}, nil, 0}
	for i, b := range parse(t, trace)[1] {
		p := parse(t, b.([]byte))
		if p.number(10) != 1 || i == 0 && p.number(13) != 1 {
			t.Fatalf("packet %d: sequence %d, flags %d", i, p.number(10), p.number(13))
		}
		if d := p[60]; d != nil {
			track := parse(t, d[0].([]byte))
			name := track.text(2)
			if track[3] != nil {
				process := parse(t, track[3][0].([]byte))
				if name = process.text(6); process.number(1) == 0 {
					t.Errorf("track %q has no pid", name)
				}
			}
			if _, twice := s.tracks[track.number(1)]; twice || name == "" {
				t.Errorf("track %d %q: there is one, or it has no name", track.number(1), name)
			}
			s.tracks[track.number(1)] = name
			continue
		}
		s.event(t, p.number(8), parse(t, p[11][0].([]byte)))
	}
	return s
}

func (s *perfettoSeen) event(t *testing.T, at uint64, e node) {
	track := e.number(11)
	if _, ok := s.tracks[track]; !ok || at == 0 {
		t.Errorf("event %q at %d of track %d, which is not described", e.text(23), at, track)
	}
	s.names = append(s.names, s.tracks[track]+": "+e.text(23))
	switch e.number(9) {
	case 1:
		s.open[track] = append(s.open[track], e.text(23))
	case 2:
		s.open[track] = s.open[track][:len(s.open[track])-1]
	case 3:
	default:
		t.Errorf("event type %d", e.number(9))
	}
	if e[47] != nil {
		s.from[e.number(47)] = at
	}
	if e[48] != nil {
		s.to[e.number(48)] = at
	}
}

func TestAPerfettoTraceIsWellFormed(t *testing.T) {
	for _, file := range recorded(t) {
		line := load(t, file)
		var out bytes.Buffer
		if err := line.Write(&out, Perfetto); err != nil {
			t.Fatal(err)
		}
		s := readPerfetto(t, out.Bytes())
		if want := len(line.Processes) + 2; len(s.tracks) != want {
			t.Errorf("%s: %d tracks, want %d", file, len(s.tracks), want)
		}
		for track, open := range s.open {
			if len(open) > 0 {
				t.Errorf("%s: track %s: %q do not end", file, s.tracks[track], open)
			}
		}
		signals := 0
		for _, e := range line.Entries {
			if e.Kind == Generate {
				signals++
			}
		}
		if len(s.from) != signals || len(s.to) != signals || signals == 0 && line.Origin != Proc {
			t.Errorf("%s: %d arrows begin and %d end, want %d", file, len(s.from), len(s.to), signals)
		}
		for flow, at := range s.from {
			if s.to[flow] <= at {
				t.Errorf("%s: arrow %d goes from %d to %d", file, flow, at, s.to[flow])
			}
		}
	}
}

func TestAPerfettoTraceShowsTheStop(t *testing.T) {
	var out bytes.Buffer
	if err := load(t, "testdata/bpf/stop.jsonl").WritePerfetto(&out); err != nil {
		t.Fatal(err)
	}
	names := strings.Join(readPerfetto(t, out.Bytes()).names, "\n")
	for _, want := range []string{
		"1 sh: sh", "1 sh: SIGTERM: ignored: PID 1 has no handler for SIGTERM", "1 sh: SIGKILL to 2 sleep",
		"2 sleep: SIGKILL: zap", "phases of the end: exit of PID 1 → zap",
	} {
		if !strings.Contains(names, want) {
			t.Errorf("no %q in\n%s", want, names)
		}
	}
}

// `make perfetto` shows why: the trace processor would take two of them for one.
func TestAPidThatIsUsedAgainAndAgainIsSoManyProcesses(t *testing.T) {
	init, child := Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1}, Task{Pid: 101, Tgid: 101, Inside: 2, Own: 2}
	var events []Event
	for i := range int64(4) {
		events = append(events, Event{Time: 10*i + 1, Kind: Fork, Task: init, Target: child}, Event{Time: 10*i + 2, Kind: Exit, Task: child})
	}
	var out bytes.Buffer
	if err := Build(About{Init: 100}, events).WritePerfetto(&out); err != nil {
		t.Fatal(err)
	}
	var ids []bool // of the tracks of 101: whether nothing is on it
	for _, b := range parse(t, out.Bytes())[1] {
		if d := parse(t, b.([]byte))[60]; d != nil {
			track := parse(t, d[0].([]byte))
			if track[3] != nil && parse(t, track[3][0].([]byte)).number(1) == 101 {
				ids = append(ids, track.number(1) >= unused)
			}
		}
	}
	if !slices.Equal(ids, []bool{false, false, true, false, true, false}) {
		t.Errorf("%v", ids)
	}
}
