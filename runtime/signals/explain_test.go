package signals

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"minirun/tests/golden"
)

// sample is a PID 1 as containers have them: tini, which takes signals from
// sigtimedwait, or a program with what the cases add.
func sample(change func(*Thread)) Task {
	th := Thread{Status: Status{Name: "app", State: 'S', Pid: 4711, NSpid: []int{4711, 1}}}
	change(&th)
	return Task{Status: th.Status, Threads: []Thread{th}}
}

func samples() map[string]Task {
	plain := sample(func(*Thread) {})
	shell := sample(func(th *Thread) {
		th.Ignored, th.Caught, th.Blocked = SetOf(3, 15, 20, 21, 22), SetOf(1, 2, 17), SetOf(17)
		th.Name, th.Pending = "bash", SetOf(17)
	})
	tini := sample(func(th *Thread) { th.Name, th.Ignored, th.Awaits = "tini", SetOf(21, 22), ^SetOf(5, 7, 8, 11) })
	threads := sample(func(th *Thread) { th.Name, th.Blocked = "java", SetOf(1, 15) })
	threads.Threads = append(threads.Threads, Thread{Status: Status{State: 'S', Blocked: SetOf(1)}})
	fd := sample(func(th *Thread) { th.Name, th.Blocked = "catatonit", SetOf(1, 2, 15) })
	fd.Signalfd = SetOf(1, 15)
	process := sample(func(th *Thread) { th.Name, th.NSpid = "worker", []int{4712, 7} })
	process.Gaps = []string{"a thread may wait in sigtimedwait: permission denied"}
	draining := sample(func(th *Thread) { th.Exiting = true })
	return map[string]Task{
		"plain": plain, "shell": shell, "tini": tini, "threads": threads, "signalfd": fd, "process": process, "draining": draining,
	}
}

func TestExplainForPeople(t *testing.T) {
	for name, task := range samples() {
		var out bytes.Buffer
		if err := WriteText(&out, task, Explain(task)); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "explain-"+name+".golden", out.Bytes())
	}
}

func TestExplainForMachines(t *testing.T) {
	type answer struct {
		Result         int
		Action, Reason string
	}
	for name, task := range samples() {
		var got struct {
			Pid            int
			NSpid          []int
			Name, State    string
			Init, Draining bool
			Unknown        []string
			Signals        []struct {
				Signal                  int
				Name, Disposition, Mask string
				Inside, Outside         answer
				Fault                   *answer
			}
		}
		if err := json.Unmarshal(AppendJSON(nil, task, Explain(task)), &got); err != nil {
			t.Fatal(name, err)
		}
		if got.Pid != 4711 || len(got.NSpid) != 2 || got.Name != task.Name || got.State != "S" || got.Init != task.Init() ||
			got.Draining != task.Draining() || len(got.Unknown) != len(task.Gaps) || len(got.Signals) != Last {
			t.Errorf("%s: %+v", name, got)
		}
		for i, s := range got.Signals {
			want := Verdict(task.Question(i+1, Kill, true))
			if s.Signal != i+1 || s.Inside != (answer{want.Result, want.Action.String(), want.Reason}) || (s.Fault != nil) != Set(faulting).Has(i+1) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestExplainReportsAWriteThatFails(t *testing.T) {
	task := sample(func(*Thread) {})
	if err := WriteText(brokenPipe{}, task, Explain(task)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestTaskTellsHowItDies(t *testing.T) {
	zombie := Thread{Status: Status{State: 'Z'}, Exiting: true}
	alive, exiting := Thread{Status: Status{State: 'S'}}, Thread{Status: Status{State: 'S'}, Exiting: true}
	killed := Thread{Status: Status{State: 'D', Pending: SetOf(9)}}
	dumping := Thread{Status: Status{State: 'D', Dumping: true}}
	for _, c := range []struct {
		name            string
		threads         []Thread
		dying, draining bool
	}{
		{"alive", []Thread{alive, alive}, false, false},
		{"a main thread that has ended", []Thread{zombie, alive}, false, false},
		{"a zombie", []Thread{zombie}, true, false},
		{"in zap_pid_ns_processes", []Thread{exiting}, true, true},
		{"another thread in zap_pid_ns_processes", []Thread{zombie, exiting}, true, true},
		{"dumping core", []Thread{dumping}, true, false},
		{"killed, and in uninterruptible sleep", []Thread{killed}, true, false},
	} {
		task := Task{Status: Status{NSpid: []int{5, 1}, State: c.threads[0].State, Dumping: c.threads[0].Dumping}, Threads: c.threads}
		if task.Dying() != c.dying || task.Draining() != c.draining {
			t.Errorf("%s: dying %v, draining %v", c.name, task.Dying(), task.Draining())
		}
	}
}
