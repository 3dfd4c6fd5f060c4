package runtime

import (
	"errors"
	"fmt"
	"testing"
)

func TestStatusIsDerivedFromRecordAndObservation(t *testing.T) {
	var (
		claimed  = Record{Creating: true}
		creating = Record{Creating: true, Pid: 7}
		complete = Record{Pid: 7}
		alive    = Observation{Exists: true}
	)
	with := func(o Observation, set func(*Observation)) Observation { set(&o); return o }
	image := with(alive, func(o *Observation) { o.Image = true })
	frozen := with(alive, func(o *Observation) { o.Frozen = true })
	frozenImage := with(image, func(o *Observation) { o.Frozen = true })
	zombie := with(alive, func(o *Observation) { o.Ended = true })
	frozenZombie := with(frozen, func(o *Observation) { o.Ended = true })
	locked := Observation{Locked: true}

	for _, tt := range []struct {
		what string
		r    Record
		o    Observation
		want Status
	}{
		{"create is at work and has no process yet", claimed, locked, Creating},
		{"create was killed before it had a process", claimed, Observation{}, Stopped},
		{"create is at work on its process", creating, image, Creating},
		{"create is at work, and its process has just died", creating, locked, Creating},
		{"create was killed, its process lives", creating, image, Creating},
		{"create was killed, and its process after it", creating, zombie, Stopped},
		{"image waits", complete, image, Created},
		{"image waits in a frozen cgroup", complete, frozenImage, Paused},
		{"program runs", complete, alive, Running},
		{"program is frozen", complete, frozen, Paused},
		{"init is a zombie, all its threads are done", complete, zombie, Stopped},
		{"zombie in a cgroup that is frozen still", complete, frozenZombie, Stopped},
		{"pid is gone, or a stranger's", complete, Observation{}, Stopped},
		{"start holds the lock of a stopped container", complete, locked, Stopped},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got := statusOf(&tt.r, tt.o); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// The table of refuse's comment, cell by cell.
func TestEveryActionInEveryStatus(t *testing.T) {
	statuses := []Status{Creating, Created, Running, Paused, Stopped}
	notStopped := "cannot delete container c1 that is not stopped: "
	for _, tt := range []struct {
		name string
		act  action
		want [5]string
	}{
		{"start", actStart, [5]string{"container is still being created", "", "cannot start an already running container",
			"cannot start an already running container", "cannot start a container that has stopped"}},
		{"kill", actKill, [5]string{"container is still being created", "", "", "", "container not running"}},
		{"kill --all", actKillAll, [5]string{"container is still being created", "", "", "", ""}},
		{"delete", actDelete, [5]string{"", "", notStopped + "running", notStopped + "paused", ""}},
		{"delete --force", actDeleteForce, [5]string{}},
	} {
		for i, s := range statuses {
			t.Run(tt.name+" "+string(s), func(t *testing.T) {
				err := refuse(tt.act, s, "c1")
				if got := text(err); got != tt.want[i] {
					t.Errorf("got %q, want %q", got, tt.want[i])
				}
			})
		}
	}
}

func TestNotStoppedErrorCarriesTheStatus(t *testing.T) {
	err := fmt.Errorf("delete c1: %w", refuse(actDelete, Paused, "c1"))
	var not *NotStoppedError
	if !errors.As(err, &not) || not.Status != Paused || not.ID != "c1" {
		t.Errorf("got %#v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
