package session

import (
	"reflect"
	"testing"

	"minirun/runtime/observe"
)

func TestATargetComesAsItWent(t *testing.T) {
	for _, want := range []Target{
		{Dir: "/run/minirun/web", Pid: 7},
		{Dir: "/run/a b\n", Pid: 7, Running: true, PidNS: 4026531836, Cgroups: []string{"/sys/fs/cgroup/pids/x", "/sys/fs/cgroup/y"}},
	} {
		got, err := parseTarget(want.packet())
		if len(got.Cgroups) == 0 {
			got.Cgroups = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	for _, packet := range []string{"", "e", "w", "wdir\x00x\x000\x000", "wdir\x00-1\x000\x000", "wdir\x007\x000", "wdir\x007\x000\x00x"} {
		if got, err := parseTarget([]byte(packet)); err == nil {
			t.Errorf("%q: %+v", packet, got)
		}
	}
}

func TestAnEventComesAsItWent(t *testing.T) {
	want := observe.Event{Time: 5, Kind: observe.Mark, Evidence: observe.Done, Signal: 15, Text: "stop, by pidfd_send_signal"}
	got, err := parseEvent(eventPacket(&want))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseEvent(append(eventPacket(&want), 'x')); err == nil {
		t.Error("a packet with something behind the event was taken")
	}
}

func FuzzPacket(f *testing.F) {
	f.Add((&Target{Dir: "/d", Pid: 7, Cgroups: []string{"/c"}}).packet())
	f.Add(eventPacket(&observe.Event{Kind: observe.Rung, Text: "stop: asked"}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if target, err := parseTarget(packet); err == nil && target.Pid <= 0 {
			t.Errorf("%+v", target)
		}
		if len(packet) > 0 {
			parseEvent(packet)
		}
	})
}

// Who is not observed is told nothing, and pays nothing.
func TestATellerWithoutListenersIsDeafAndDumb(t *testing.T) {
	told := Dial(t.TempDir())
	if told.Heard() {
		t.Error("somebody listens")
	}
	told.Say("x")
	told.Rung("x")
	told.Signal(15, 1, "x")
	if err := told.Close(); err != nil {
		t.Error(err)
	}
	var none *Observer
	if err := none.Finish(); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownSourceIsAnError(t *testing.T) {
	if _, _, err := open("ebpf"); err == nil {
		t.Error("no error")
	}
}
