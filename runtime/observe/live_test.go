package observe

import (
	"bytes"
	"io"
	"math/rand"
	"runtime"
	"strings"
	"testing"
)

// lively writes a recording as a Live would have: its events come in disorder,
// and some time after they happened.
func lively(t *testing.T, file string, f Format) string {
	t.Helper()
	about, events := recording(t, file)
	var out bytes.Buffer
	l := NewLive(about, &out, f)
	r := rand.New(rand.NewSource(1))
	for len(events) > 0 {
		n := min(1+r.Intn(6), len(events))
		told := events[n-1].Time
		for n < len(events) && events[n].Time == told {
			n++
		}
		batch := events[:n]
		if about.Origin != Proc { // which gives several the same time
			r.Shuffle(n, func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		}
		l.Add(batch...)
		if err := l.Advance(told); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
	if _, err := l.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// plainLines are lines without the widths of their columns.
func plainLines(text string) (list []string) {
	for line := range strings.Lines(text) {
		list = append(list, strings.Join(strings.Fields(line), " "))
	}
	return list
}

// What is written while it happens is what is written when all is known.
func TestALiveTimelineSaysTheSame(t *testing.T) {
	for _, file := range recorded(t) {
		for _, f := range []Format{Text, JSON} {
			var whole bytes.Buffer
			if err := load(t, file).Write(&whole, f); err != nil {
				t.Fatal(err)
			}
			want, got := plainLines(whole.String()), plainLines(lively(t, file, f))
			for i := range max(len(want), len(got)) {
				var a, b string
				if i < len(want) {
					a = want[i]
				}
				if i < len(got) {
					b = got[i]
				}
				if a != b {
					t.Errorf("%s, %s\n whole %s\n live  %s", file, f, a, b)
				}
			}
		}
	}
}

// stream is a Live that writes text, for events of a container whose PID 1 is 100.
func stream() (*Live, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return NewLive(About{ID: "web", Init: 100, Origin: BPF}, out, Text), out
}

// inside is a process of the container; n is its pid there.
func insider(n int32, name string) Task {
	return Task{Pid: 99 + n, Tgid: 99 + n, Inside: n, Own: n, Parent: 100, Comm: Comm(name)}
}

const ms = 1_000_000

// A line is written as soon as nothing can change it, and not before.
func TestALineIsWrittenWhenItIsSettled(t *testing.T) {
	init, child := insider(1, "init"), insider(2, "sh")
	send := func(at int64, sig uint8, result uint8) Event {
		return Event{Time: at, Kind: Generate, Signal: sig, Result: result, Flags: FlagGroup, Has: HasResult | HasCode | HasGroup | HasTarget, Task: init, Target: child}
	}
	take := func(at int64, sig uint8, handler uint64) Event {
		return Event{Time: at, Kind: Deliver, Signal: sig, Handler: handler, Has: HasHandler | HasTarget, Task: child}
	}
	exit := Event{Time: 9 * ms, Kind: Exit, Status: 15, Flags: FlagGroupDead, Has: HasStatus | HasGroupDead, Task: child}
	for _, c := range []struct {
		name   string
		events []Event
		told   int64
		more   []Event // with which it is settled
		want   string  // that is written then, or with no more
	}{
		{"an ignored signal", []Event{send(ms, 15, Ignored), {Time: 2 * ms, Kind: Mark, Text: "x"}}, 2 * ms, nil, "──TERM→ 2 sh  ignored"},
		{"a signal until its handler runs", []Event{send(ms, 15, Queued)}, 8 * ms, []Event{take(9*ms, 15, 4711), {Time: 9 * ms, Kind: Mark, Text: "x"}}, "──TERM→ 2 sh  handler"},
		{"a fatal signal until the end", []Event{send(ms, 15, Queued), take(2*ms, 9, 0)}, 8 * ms, []Event{exit, {Time: 9 * ms, Kind: Mark, Text: "x"}}, "──TERM→ 2 sh  fatal"},
		{"a blocked one for its time", []Event{send(ms, 15, Queued)}, 250 * ms, []Event{{Time: 251 * ms, Kind: Mark, Text: "x"}}, "──TERM→ 2 sh  pending"},
		{"a line to which nothing is added", []Event{send(ms, 15, Ignored), send(2*ms, 15, Ignored)}, 250 * ms, []Event{{Time: 251 * ms, Kind: Mark, Text: "x"}}, "(2 times)"},
		{"a mark until what it announces", []Event{{Time: ms, Kind: Mark, Signal: 15, Text: "kill", Task: init, Target: child}}, 99 * ms, []Event{send(99*ms, 15, Ignored), {Time: 99 * ms, Kind: Mark, Text: "x"}}, "kill; ignored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, out := stream()
			l.Add(c.events...)
			if err := l.Advance(c.told); err != nil {
				t.Fatal(err)
			}
			if c.more != nil {
				if out.Len() > 0 {
					t.Errorf("written too early: %s", out)
				}
				if at := l.Wants(); at != c.events[0].Time+patience {
					t.Errorf("waits until %d", at)
				}
				l.Add(c.more...)
				if err := l.Advance(c.more[0].Time + 10); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("no %q in %q", c.want, out)
			}
		})
	}
}

// What is not known in time is told as it is, and what comes of it in a line of its own.
func TestWhatComesOfASignalLaterHasItsOwnLine(t *testing.T) {
	l, out := stream()
	init, child := insider(1, "init"), insider(2, "sh")
	has := HasResult | HasCode | HasGroup | HasTarget
	l.Add(
		Event{Time: ms, Kind: Generate, Signal: 15, Flags: FlagGroup | FlagInit, Has: has, Task: child, Target: init},
		Event{Time: 500 * ms, Kind: Deliver, Signal: 15, Flags: FlagInit, Has: HasHandler | HasTarget, Task: init},
	)
	for _, told := range []int64{50 * ms, 300 * ms, 600 * ms} {
		if err := l.Advance(told); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"──TERM→ 1 init  pending", "1 init   takes SIGTERM: dropped"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A verb that had no time to say what it does is heard late, and nothing goes back in time.
func TestWhatIsHeardLateDoesNotGoBackInTime(t *testing.T) {
	l, out := stream()
	l.Add(Event{Time: 10 * ms, Kind: Mark, Text: "first"}, Event{Time: 90 * ms, Kind: Exec, Origin: BPF, Task: insider(1, "sh"), Text: "/bin/sh"})
	if err := l.Advance(100 * ms); err != nil {
		t.Fatal(err)
	}
	l.Add(Event{Time: 50 * ms, Kind: Census, Origin: Proc, Task: insider(1, "sh"), State: 'S'})
	if err := l.Advance(400 * ms); err != nil {
		t.Fatal(err)
	}
	if want := "+80.000 ms  census"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

// The OOM killer says whom it has chosen long before that one has given its memory back.
func TestAVictimThatTakesItsTimeIsTheOOMKillers(t *testing.T) {
	l, out := stream()
	child := insider(2, "sh")
	l.Add(
		Event{Time: ms, Kind: Generate, Signal: 9, Code: siKernel, Flags: FlagGroup, Has: HasResult | HasCode | HasGroup | HasTarget, Task: child, Target: child},
		Event{Time: 2 * ms, Kind: OOM, Task: child, Target: child},
	)
	if err := l.Advance(600 * ms); err != nil {
		t.Fatal(err)
	}
	if want := "──KILL→ 2 sh  fatal: out of memory"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

// 100,000 signals and 10,000 processes leave little behind, in any format.
func TestAStormLeavesLittleBehind(t *testing.T) {
	for _, f := range []Format{Text, JSON, HTML, Perfetto} {
		l := NewLive(About{ID: "web", Init: 100, Origin: BPF}, io.Discard, f)
		init, now := insider(1, "init"), int64(ms)
		for i := range int32(10_000) {
			child := insider(2+i, "sh")
			l.Add(Event{Time: now, Kind: Fork, Task: init, Target: child})
			for range 10 {
				now += 1000
				l.Add(Event{Time: now, Kind: Generate, Signal: 10, Result: Ignored, Flags: FlagGroup, Has: HasResult | HasCode | HasGroup | HasTarget, Task: child, Target: init})
			}
			l.Add(Event{Time: now, Kind: Exit, Status: 9, Flags: FlagGroupDead, Has: HasStatus | HasGroupDead, Task: child}, Event{Time: now + 1, Kind: Free, Task: child})
			now += 1000
			if err := l.Advance(now - 1000); err != nil {
				t.Fatal(err)
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		t.Logf("%s: %d kB", f, m.HeapAlloc>>10)
		if m.HeapAlloc > 16<<20 {
			t.Errorf("%s: %d kB are held", f, m.HeapAlloc>>10)
		}
		line, err := l.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if line.born() != 10_001 || len(line.Processes) > 2*mostProcesses {
			t.Errorf("%s: %d processes, %d kept", f, line.born(), len(line.Processes))
		}
	}
}
