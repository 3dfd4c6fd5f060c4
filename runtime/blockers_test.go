package runtime

import "testing"

func TestBlockersAreNamedWithTheirReason(t *testing.T) {
	init := blocker{Pid: 10, Task: procStat{Comm: "init", State: 'S'}, Wchan: "zap_pid_ns_processes"}
	frozen := blocker{Pid: 11, Task: procStat{Comm: "sleep", State: 'D'}, Wchan: "__refrigerator"}
	zombie := blocker{Pid: 12, Task: procStat{Comm: "sh", State: 'Z', Parent: 77}}
	running := blocker{Pid: 13, Task: procStat{Comm: "spin", State: 'R'}, Wchan: "0"}
	many := []blocker{init}
	for i := range 7 {
		many = append(many, blocker{Pid: 20 + i, Task: procStat{Comm: "x", State: 'D'}})
	}
	for _, tt := range []struct {
		all  []blocker
		want string
	}{
		{nil, "nobody is left now; try again"},
		{[]blocker{init}, "blocked by 10 (init) S in zap_pid_ns_processes"},
		{[]blocker{init, frozen}, "blocked by 11 (sleep) D in __refrigerator"},
		{[]blocker{init, zombie, running}, "blocked by 12 (sh) Z, not reaped by its parent 77; 13 (spin) R"},
		{many, "blocked by 20 (x) D; 21 (x) D; 22 (x) D; 23 (x) D; 24 (x) D; and 2 more"},
	} {
		if got := blockersText(tt.all, 10); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestTheThreadThatExplainsMostIsChosen(t *testing.T) {
	order := []byte{'D', 'S', 'Z'}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(procStat{State: a}, procStat{State: b}), i < j; got != want {
				t.Errorf("worse(%c, %c) = %v", a, b, got)
			}
		}
	}
}
