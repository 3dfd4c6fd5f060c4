package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// scopeOf is a group that a fake systemd makes as the real one does: in the
// unified tree, and in the version 1 hierarchies that it knows.
func scopeOf(t *testing.T, v view, annotations map[string]string) (*Group, *fakeSystemd) {
	t.Helper()
	h, err := Look()
	must(t, err)
	slice := fmt.Sprintf("minirun%dtest%d.slice", os.Getpid(), groupCount.Add(1))
	f := &fakeSystemd{result: "done", refuse: map[string]*dbus.Error{}}
	g, err := v(h).scope(&Unit{sockets: []busAddress{f.direct(t)}}, slice+":p:x", "x", annotations)
	must(t, err)
	f.onStart = func(props map[string]any) error {
		for _, d := range g.dirs {
			if !d.unified() && !slices.ContainsFunc(d.controllers, func(c string) bool {
				return slices.Contains([]string{"cpu", "cpuacct", "blkio", "memory", "devices", "pids", "name=systemd"}, c)
			}) {
				continue
			}
			pid := strconv.Itoa(int(props["PIDs"].([]uint32)[0]))
			if err := errors.Join(os.MkdirAll(d.path, 0o755), os.WriteFile(d.path+"/cgroup.procs", []byte(pid), 0)); err != nil {
				return err
			}
		}
		return nil
	}
	t.Cleanup(func() {
		_ = g.Kill()
		if err := g.Delete(); err != nil {
			t.Error(err)
		}
		for _, d := range g.dirs {
			if err := rmdir(filepath.Dir(d.path)); err != nil {
				t.Error(err)
			}
		}
	})
	return g, f
}

func TestLifeOfAScope(t *testing.T) {
	for name, v := range views(t) {
		if name == "v2" && len(mustLook(t).V1) > 0 {
			continue // the limits are in version 1 here, which the hybrid view has
		}
		t.Run(name, func(t *testing.T) {
			g, f := scopeOf(t, v, map[string]string{"org.systemd.property.TimeoutStopUSec": "uint64 5"})
			pid := spawn(t, sleeper)
			must(t, g.Start(pid, resources(t, `{"pids":{"limit":7},"devices":[{"allow":false,"access":"rwm"}]}`)))
			for key, want := range map[string]string{
				"Slice": filepath.Base(filepath.Dir(g.dirs[0].path)), "PIDs": fmt.Sprint([]uint32{uint32(pid)}), "Delegate": "true", "TasksMax": "7",
				"CollectMode": "inactive-or-failed", "DevicePolicy": "strict", "TimeoutStopUSec": "5", "Description": "minirun container x",
			} {
				if got := fmt.Sprint(f.props[key]); got != want {
					t.Errorf("%s is %s, want %s", key, got, want)
				}
			}
			for _, d := range g.dirs { // also those that systemd leaves out
				if pids, err := procs(d.path); err != nil || !slices.Equal(pids, []int{pid}) {
					t.Errorf("%s: members %v, %v", d.path, pids, err)
				}
			}
			if s, err := g.PidsStat(); err != nil || s.Max != 7 {
				t.Errorf("%+v, %v", s, err)
			}
			later := Restore(g.Paths()).Of(&Unit{Name: g.Unit().Name, sockets: g.unit.sockets})
			f.called()
			must(t, later.Update(resources(t, `{"pids":{"limit":0}}`)))
			if got := f.called(); got != "SetUnitProperties p-x.scope true" || f.props["TasksMax"] != uint64(1) {
				t.Errorf("called %s with %v", got, f.props)
			}
			if s, err := g.PidsStat(); err != nil || s.Max != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			must(t, later.Kill())
			must(t, later.WaitEmpty(soon()))
			must(t, later.Delete())
			if got := f.called(); got != "StopUnit p-x.scope replace, ResetFailedUnit p-x.scope" {
				t.Errorf("called %s", got)
			}
			for _, d := range g.dirs {
				if exists(d.path) {
					t.Errorf("%s is left", d.path)
				}
			}
			must(t, later.Delete()) // it has gone, and nobody is asked
			if got := f.called(); got != "" {
				t.Errorf("called %s", got)
			}
		})
	}
}

func mustLook(t *testing.T) *Host {
	h, err := Look()
	must(t, err)
	return h
}

func TestScopeThatCannotStart(t *testing.T) {
	exists := &dbus.Error{Name: "org.freedesktop.systemd1.UnitExists", Body: []any{"Unit p-x.scope already exists."}}
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, g *Group, f *fakeSystemd)
		want    string
		errno   error
	}{
		"in use": {func(t *testing.T, g *Group, f *fakeSystemd) {
			first := spawn(t, sleeper)
			must(t, f.onStart(map[string]any{"PIDs": []uint32{uint32(first)}}))
			f.refuse["StartTransientUnit"] = exists
		}, "is in use by process", unix.EBUSY},
		"elsewhere": {func(t *testing.T, g *Group, f *fakeSystemd) { f.onStart = nil }, "systemd: put process", unix.EXDEV},
		"refused": {func(t *testing.T, g *Group, f *fakeSystemd) {
			f.refuse["StartTransientUnit"] = &dbus.Error{Name: "org.freedesktop.DBus.Error.InvalidArgs", Body: []any{"Bad property"}}
		}, "systemd: start p-x.scope: Bad property", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g, f := scopeOf(t, whole, nil)
			tt.prepare(t, g, f)
			err := g.Start(spawn(t, sleeper), nil)
			if !strings.Contains(message(err), tt.want) || tt.errno != nil && !errors.Is(err, tt.errno) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
