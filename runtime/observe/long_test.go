package observe

import (
	"io"
	"slices"
	"testing"
	"time"
)

// many is how many processes a long timeline has; most have four events each.
const many = 100_000

// Timelines of 400,000 events, each of a shape that takes hours when
// something looks at all processes, or at all that waits, for each of them.
func TestALongTimelineIsBuiltInItsTime(t *testing.T) {
	init := Task{Pid: 1, Tgid: 1, Inside: 1, Own: 1}
	child := func(i int, parent Task) Task {
		n := int32(10 + i)
		return Task{Pid: n, Tgid: n, Inside: n, Own: n, Parent: parent.Tgid, Comm: Comm("sh")}
	}
	ends := func(p Task, status uint32) Event {
		return Event{Kind: Exit, Task: p, Has: HasStatus | HasGroupDead, Flags: FlagGroupDead, Status: status}
	}
	killed := func(by, p Task) Event {
		return Event{Kind: Generate, Task: by, Target: p, Signal: sigkill, Has: HasResult | HasCode | HasGroup, Flags: FlagGroup}
	}
	for name, events := range map[string][]Event{
		"families whose PID 1 has ended": each(func(i int) []Event {
			mother := child(2*i, init)
			return []Event{{Kind: Fork, Task: init, Target: mother}, {Kind: Fork, Task: mother, Target: child(2*i+1, mother)}}
		}, []Event{ends(init, 9)}, func(i int) []Event {
			mother := child(2*i, init)
			return []Event{ends(mother, 9), ends(child(2*i+1, mother), 9)}
		}),
		"one that leaves all to others": each(func(i int) []Event {
			mother := child(many, init)
			return []Event{{Kind: Fork, Task: mother, Target: child(i, mother)}, {Kind: Exec, Task: child(i, mother)}}
		}, []Event{ends(child(many, init), 0)}, func(i int) []Event { return []Event{ends(child(i, init), 0), {Kind: Reap, Task: child(i, init)}} }),
		"each killed by another": each(func(i int) []Event {
			return []Event{{Kind: Fork, Task: init, Target: child(i, init)}, {Kind: Exec, Task: child(i, init)}}
		}, nil, func(i int) []Event {
			return []Event{killed(child((i+1)%many, init), child(i, init)), ends(child(i, init), 9)}
		}),
		"announcements, and signals of others": each(func(int) []Event {
			return []Event{{Kind: Mark, Task: Task{Pid: 2, Tgid: 2}, Signal: 1}, killed(Task{Pid: 3, Tgid: 3}, init)}
		}, nil, func(int) []Event { return nil }),
		"a census": each(func(i int) []Event { return []Event{{Kind: Census, State: 'S', Task: child(i, init), Target: init}} },
			nil, func(int) []Event { return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			for i := range events {
				events[i].Time = int64(1000 * (i + 1))
			}
			done := make(chan error, 1)
			go func() {
				if err := Build(About{Init: 1}, slices.Clone(events)).WriteText(io.Discard); err != nil {
					done <- err
					return
				}
				done <- flow(events)
			}()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("it takes more than a minute") // a second on a machine with nothing else to do
			}
		})
	}
}

// each has many processes do one thing, then something happen, then each another.
func each(first func(int) []Event, between []Event, then func(int) []Event) (list []Event) {
	for i := range many {
		list = append(list, first(i)...)
	}
	list = append(list, between...)
	for i := range many {
		list = append(list, then(i)...)
	}
	return list
}

// flow has them written while they happen.
func flow(events []Event) error {
	l := NewLive(About{Init: 1}, io.Discard, JSON)
	for batch := range slices.Chunk(events, 512) {
		l.Add(batch...)
		if err := l.Advance(batch[len(batch)-1].Time); err != nil {
			return err
		}
	}
	_, err := l.Finish()
	return err
}
