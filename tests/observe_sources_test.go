package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// The lines that say why a source is not there.
const (
	noBPF     = "source bpf: not available: "
	noTracefs = "source tracefs: not available: "
	byGroup   = ": who belongs to the container is known by its cgroup"
)

// hiding mounts nothing over directories and goes on.
func hiding(dirs ...string) []string {
	return []string{"/usr/bin/unshare", "--mount", "sh", "-c", "for d in " + strings.Join(dirs, " ") + `; do mount -t tmpfs none $d; done; exec "$@"`, "sh"}
}

// dropping goes on without capabilities.
func dropping(caps ...string) []string {
	list := "-" + strings.Join(caps, ",-")
	return []string{"/usr/bin/setpriv", "--bounding-set", list, "--inh-caps", list}
}

// Where a source is not to be had, the next is taken, and a line says why.
func TestTheNextSourceDown(t *testing.T) {
	const btf, tracing = "/sys/kernel/btf", "/sys/kernel/tracing"
	for name, c := range map[string]struct {
		wrap   []string
		flags  []string
		mods   []rig.Mod
		source string
		said   []string
		untold bool // who may not look at a zombie does not learn its status before it is reaped
	}{
		"all there":          {source: "bpf"},
		"no BTF":             {wrap: hiding(btf), source: "tracefs", said: []string{noBPF + "the kernel has no BTF"}},
		"no BTF, no tracefs": {wrap: hiding(btf, tracing), source: "proc", said: []string{noBPF, noTracefs + "tracefs is not mounted"}},
		"neither CAP_BPF nor CAP_SYS_ADMIN": {
			wrap: dropping("sys_admin", "bpf", "perfmon"), source: "tracefs", said: []string{noBPF + "CAP_BPF and CAP_PERFMON missing: "},
		},
		"no CAP_SYS_PTRACE, which the container has": {
			wrap: dropping("sys_ptrace"), mods: []rig.Mod{rig.AllCaps()}, source: "bpf", said: []string{"source bpf: not CAP_SYS_PTRACE over process "},
		},
		"the same by tracefs": {
			wrap: dropping("sys_ptrace"), flags: []string{"--source", "tracefs"}, mods: []rig.Mod{rig.AllCaps()}, source: "tracefs", said: []string{byGroup},
		},
		"the same by proc": {
			wrap: dropping("sys_ptrace"), flags: []string{"--source", "proc"}, mods: []rig.Mod{rig.AllCaps()}, source: "proc", said: []string{byGroup}, untold: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			box := observeRig(t).Container(append([]rig.Mod{rig.Sh("sleep 0; exit 4")}, c.mods...)...).MustCreate()
			w := observed(box, c.wrap, c.flags...)
			box.MustStart()
			list := w.timeline()
			steppedDown(t, list, c.source, c.said, c.untold)
			for _, line := range c.said {
				if !strings.Contains(w.said, line) {
					t.Errorf("no %q in %s", line, w.said)
				}
			}
			if c.source == "bpf" {
				inOrder(t, list, "1 fork", "2 exit 0x0", "1 exit 0x400")
			}
		})
	}
}

// steppedDown checks which source it was, that it saw the end, and that a line
// says why it was no better one.
func steppedDown(t *testing.T, list []moment, source string, said []string, untold bool) {
	t.Helper()
	if list[0].Source != source || len(list[0].Skipped) != len(said) {
		t.Errorf("source %s, skipped %q, want %s and %q", list[0].Source, list[0].Skipped, source, said)
	}
	for i, line := range said {
		if i < len(list[0].Skipped) && !strings.Contains(list[0].Skipped[i], line) {
			t.Errorf("no %q in %q", line, list[0].Skipped[i])
		}
	}
	inOrder(t, list, "1 ended*", "!1 ended 0x0")
	if words := wordsOf(list[len(list)-1:]); !strings.Contains(words, "PID 1      ended with 4: ") && !untold {
		t.Errorf("the end is not known: %s", words)
	}
}

// within runs the runtime by another program.
func within(wrap ...string) rig.Option {
	return func(cmd *exec.Cmd) {
		cmd.Args = append(wrap, cmd.Args...)
		cmd.Path = wrap[0]
	}
}

func TestWithoutTheHelperTheNextSourceIsTaken(t *testing.T) {
	r := observeRig(t)
	alone := r.Path("minirun")
	if err := rig.Copy(r.Runtime.Path, alone); err != nil {
		t.Fatal(err)
	}
	r.Runtime.Path = alone
	c := r.Container(rig.Sh("exit 4"))
	x := c.RunWith([]rig.Option{rig.Env("PATH=/usr/bin:/bin")}, "--observe", r.Path("file.json"))
	wants(t, x, 4, noBPF+"find minirun-observe beside minirun or in PATH: ")
	steppedDown(t, readTimeline(r, r.Path("file.json")), "tracefs", []string{noBPF}, false)
}

// inUserNamespace makes the runtime's user root in a user namespace, who is
// nobody outside, and gives it other namespaces.
func inUserNamespace(flags uintptr) rig.Option {
	return func(cmd *exec.Cmd) {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER | flags
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings, cmd.SysProcAttr.GidMappingsEnableSetgroups = ids, ids, true
		cmd.SysProcAttr.Credential = &syscall.Credential{}
	}
}

// A user of the host, and one who is root in a user namespace of his own, have proc.
func TestAnUnprivilegedUserHasProc(t *testing.T) {
	for name, c := range map[string]struct {
		opts []rig.Option
		said []string
	}{
		"a user of the host":  {nil, []string{noBPF + "CAP_BPF and CAP_PERFMON missing: ", noTracefs}},
		"in a user namespace": {[]rig.Option{inUserNamespace(unix.CLONE_NEWNS)}, []string{noBPF + "capabilities count in the first user namespace alone: ", noTracefs}},
		"in an unprivileged container": {
			[]rig.Option{within("/bin/sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh"), inUserNamespace(unix.CLONE_NEWNS | unix.CLONE_NEWPID)},
			[]string{noBPF + "observe from within a container", noTracefs + "observe from within a container"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			helper := filepath.Join(filepath.Dir(observeRig(t).Runtime.Path), "minirun-observe")
			u := unprivileged(t)
			if err := rig.Copy(helper, u.Path("minirun-observe")); err != nil {
				t.Fatal(err)
			}
			box := u.container(rig.Sh("exit 4"))
			if len(c.opts) > 0 {
				box.Edit(func(s *specs.Spec) {
					s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}
					s.Linux.GIDMappings = s.Linux.UIDMappings
				})
			}
			file := filepath.Join(u.Path("xdg"), "file.json")
			if x := box.RunWith(append(u.opts, c.opts...), "--observe", file); x.Code != 4 {
				t.Fatalf("code %d: %s", x.Code, x.Stderr)
			}
			steppedDown(t, readTimeline(u.Rig, file), "proc", c.said, false)
		})
	}
}

// Where there are more processes than descriptors, the source proc says so.
func TestProcSaysHowManyItDoesNotFollow(t *testing.T) {
	c := ups(observeRig(t), "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do sleep 1000 & done")
	w := observed(c, []string{"/usr/bin/prlimit", "--nofile=72:72"}, "--source", "proc")
	c.Kill("KILL")
	list := w.timeline()
	inOrder(t, list, "1 census *", "1 ended 0x9")
	census := 0
	for _, e := range list { // as they end, others are followed
		if e.Kind == "census" {
			census++
		}
		if strings.HasPrefix(e.Text, "follows ") {
			break
		}
	}
	if words := wordsOf(list); census != 8 || !strings.Contains(words, "follows 8 processes, as many as it may; 1") {
		t.Errorf("%d are counted: %s", census, words)
	}
}

func TestASourceByItsNameIsNotReplaced(t *testing.T) {
	box := observeRig(t).Container(rig.Sh("exit 4")).MustCreate()
	x := box.DoWith([]rig.Option{within(hiding("/sys/kernel/tracing")...)}, "observe", "--source", "tracefs", box.ID)
	wants(t, x, 1, noTracefs)
	wants(t, box.Do("observe", "--source", "none", box.ID), 1, `unknown source "none"`)
}
