package runtime

import (
	"strings"
	"testing"
	"time"
)

func TestBlockersAreNamedWithTheirReason(t *testing.T) {
	init := Blocker{Pid: 10, Name: "init", State: 'S', Wchan: "zap_pid_ns_processes"}
	sleep := Blocker{Pid: 11, Name: "sleep", State: 'D', Wchan: "nfs4_wait"}
	frozen := Blocker{Pid: 11, Name: "sleep", State: 'D', Wchan: "__refrigerator", Frozen: "/x"}
	zombie := Blocker{Pid: 12, Name: "sh", State: 'Z', Parent: Process{77, "make"}}
	old := zombie
	old.Unreaped = Elapsed{time.Hour, AtLeast}
	outside := Blocker{Pid: 12, Name: "sh", State: 'Z', Parent: Process{77, "shim"}, Outside: true}
	unseen := Blocker{Pid: 12, Name: "sh", State: 'Z', Outside: true}
	traced := Blocker{Pid: 12, Name: "sh", State: 'Z', Parent: Process{10, "init"}, Tracer: Process{88, "strace"}}
	held := Blocker{Pid: 14, Name: "sh", State: 't', Wchan: "ptrace_stop", Tracer: Process{88, "strace"}}
	running := Blocker{Pid: 13, Name: "spin", State: 'R', Wchan: "0"}
	many := []Blocker{init}
	for i := range 7 {
		many = append(many, Blocker{Pid: 20 + i, Name: "x", State: 'D'})
	}
	for _, tt := range []struct {
		all    []Blocker
		want   string
		advice string // of the last, in it
	}{
		{nil, "nobody is left now; try again", ""},
		{[]Blocker{init}, "blocked by 10 (init) S in zap_pid_ns_processes", ""},
		{[]Blocker{init, sleep}, "blocked by 11 (sleep) D in nfs4_wait", "uninterruptible"},
		{[]Blocker{init, frozen}, "blocked by 11 (sleep) D in __refrigerator, frozen in cgroup /x", "thaw cgroup /x"},
		{[]Blocker{init, zombie}, "blocked by 12 (sh) Z, not waited for by its parent 77 (make)", "77 (make) wait"},
		{[]Blocker{init, running, zombie}, "blocked by 13 (spin) R", "77 (make) wait"},
		{[]Blocker{zombie, {Pid: 10, Name: "init", State: 't', Tracer: Process{88, "strace"}}}, "blocked by 10 (init) t, traced by 88 (strace)", "88 (strace)"},
		{[]Blocker{init, old}, "blocked by 12 (sh) Z, not waited for by its parent 77 (make), for at least 1h0m0s", "77 (make) wait"},
		{[]Blocker{init, outside}, "blocked by 12 (sh) Z, not waited for by its parent 77 (shim) outside the container", "77 (shim) wait"},
		{[]Blocker{init, unseen}, "blocked by 12 (sh) Z, not waited for by its parent, outside the container and not visible from here", ""},
		{[]Blocker{init, traced}, "blocked by 12 (sh) Z, not waited for by its tracer 88 (strace)", "detach the tracer 88 (strace)"},
		{[]Blocker{init, held}, "blocked by 14 (sh) t in ptrace_stop, traced by 88 (strace)", "detach the tracer 88 (strace)"},
		{many, "blocked by 20 (x) D; 21 (x) D; 22 (x) D; 23 (x) D; 24 (x) D; and 2 more", "uninterruptible"},
	} {
		if got := blockersText(tt.all, 10); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if len(tt.all) == 0 {
			continue
		}
		got := tt.all[len(tt.all)-1].Advice()
		if !strings.Contains(got, tt.advice) || (got == "") != (tt.advice == "") {
			t.Errorf("advice %q, want %q in it", got, tt.advice)
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
