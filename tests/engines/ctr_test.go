package engines

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"minirun/tests/rig"
)

func TestCtr(t *testing.T) {
	r := rig.New(t)
	ctr(t, r, containerd1(r))
}

func TestCtr2(t *testing.T) {
	r := rig.New(t)
	ctr(t, r, containerd2(r))
}

func ctr(t *testing.T, r *rig.Rig, c server) {
	rts := runtimes(r)
	c = startContainerd(r, c)
	open := func(rt runtime) *session {
		return &session{t: t, r: r, rt: rt, env: environ(r), run: []string{"--snapshotter", "native", "--runc-binary", rt.path},
			client: []string{c.ctr, "--address", c.address, "--namespace", rig.Marker}} // the parent of the cgroups, too
	}
	archive := makeImage(r)
	open(rts[0]).load(c, archive)
	keeper := open(rts[0])
	keeper.task(maps, "sleep", "1000") // keeps the snapshot of the user namespace, which two at once cannot make
	each(t, append(ctrChecks(), ctrUserChecks()...), open, rts)
	keeper.close()
	keeper.must("image", "rm", "--sync", image)
}

// load imports an image.
func (s *session) load(c server, archive string) {
	args := []string{"image", "import", "--snapshotter", "native"}
	if c.version == 2 {
		args = append(args, "--local") // the server would unpack for overlayfs only
	}
	s.must(append(args, archive)...)
}

// task starts a container that is removed when the check ends.
func (s *session) task(flags []string, cmd ...string) (id string, pid int) {
	id = rig.ID()
	s.must(s.args("run", append(append([]string{"-d"}, flags...), append([]string{image, id}, cmd...)...)...)...)
	s.cleanup = append(s.cleanup, cleanup{id, func() { s.removeTask(id) }})
	return id, s.taskPid(id)
}

// removeTask ends a task and deletes the container.
func (s *session) removeTask(id string) {
	s.must("task", "rm", "-f", id)
	s.must("container", "rm", id)
}

// taskPid is the init's, on the host.
func (s *session) taskPid(id string) int {
	for line := range strings.Lines(s.call("task", "ls").out) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == id {
			return atoi(f[1])
		}
	}
	return 0
}

// taskStatus is RUNNING, PAUSED or STOPPED.
func (s *session) taskStatus(id string) string {
	for line := range strings.Lines(s.call("task", "ls").out) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == id {
			return f[2]
		}
	}
	return "gone"
}

// ended waits until a task is stopped and deletes it, which tells its code.
func (s *session) ended(id string) string {
	eventually(func() bool { return s.taskStatus(id) == "STOPPED" })
	_, code, _ := strings.Cut(oneLine(s.call("task", "rm", id).err), "exit code ") // a warning has it
	s.must("container", "rm", id)
	s.cleanup = slices.DeleteFunc(s.cleanup, func(undo cleanup) bool { return undo.of == id })
	return strings.TrimRight(code, `" `)
}

// ctrOnce runs a container to its end.
func ctrOnce(flags []string, cmd ...string) func(*session) string {
	return func(s *session) string {
		return s.say(s.args("run", append(append([]string{"--rm"}, flags...), append([]string{image, rig.ID()}, cmd...)...)...)...)
	}
}

func ctrChecks() []check {
	return []check{
		{"output and exit code", "out; 7", func(s *session) string {
			x := s.call(s.args("run", "--rm", image, rig.ID(), "sh", "-c", "echo out; exit 7")...)
			return lines(oneLine(x.out), x.code)
		}},
		{"directory, environment, read-only", "/tmp | b | read-only", ctrOnce([]string{"--cwd", "/tmp", "--env", "A=b", "--read-only"},
			"sh", "-c", "pwd; echo $A; touch /a 2>/dev/null || echo read-only")},
		{"PID 1 is the program, with default signals", "SigBlk:\t0000000000000000 | SigIgn:\t0000000000000000 | SigCgt:\t0000000000000000",
			ctrOnce(nil, "grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/1/status")},
		{"no descriptor leaks into init", "0 | 1 | 2 | 3", ctrOnce(nil, "ls", "/proc/self/fd")},
		{"seccomp", "2", ctrOnce([]string{"--seccomp"}, "awk", "/^Seccomp:/ {print $2}", "/proc/self/status")},
		{"privileged", "mounted", ctrOnce([]string{"--privileged"}, "sh", "-c", "mount -t tmpfs t /tmp && echo mounted")},
		{"annotation minirun.init", "minirun-init", ctrOnce([]string{"--annotation", "minirun.init=true"}, "cat", "/proc/1/comm")},
		{"no pivot", "ok", ctrOnce([]string{"--no-pivot"}, "echo", "ok")},
		{"limits", "67108864; 50000", func(s *session) string {
			_, pid := s.task([]string{"--memory-limit", "67108864", "--cpu-quota", "50000", "--cpu-period", "100000"}, "sleep", "1000")
			return lines(limit(pid, "memory", "memory.limit_in_bytes"), limit(pid, "cpu", "cpu.cfs_quota_us"))
		}},
		{"no such program", "true; true", func(s *session) string {
			x := s.call(s.args("run", "--rm", image, rig.ID(), "/no/such")...)
			return lines(x.code != 0, strings.Contains(x.err, `exec: "/no/such": stat /no/such: no such file or directory`))
		}},
		{"exec", "hi; 3; 0 | 1 | 2 | 3", func(s *session) string {
			id, _ := s.task(nil, "sleep", "1000")
			return lines(s.say("task", "exec", "--exec-id", "a", id, "echo", "hi"), s.code("task", "exec", "--exec-id", "b", id, "sh", "-c", "exit 3"),
				s.say("task", "exec", "--exec-id", "c", id, "ls", "/proc/self/fd"))
		}},
		{"kill", "RUNNING; 5; 137", func(s *session) string {
			id, _ := s.task(nil, "sleep", "1000")
			s.must("task", "kill", "-s", "TERM", id) // PID 1 ignores it
			status := s.taskStatus(id)
			handler, pid := s.task([]string{"--null-io"}, "sh", "-c", busy)
			eventually(func() bool { return catchesTerm(s.r.Read(fmt.Sprintf("/proc/%d/status", pid))) })
			s.must("task", "kill", "-s", "TERM", handler)
			code := s.ended(handler)
			s.must("task", "kill", "-s", "KILL", id)
			return lines(status, code, s.ended(id))
		}},
		{"pause", "PAUSED; true; RUNNING", func(s *session) string {
			id, _ := s.task(nil, "sleep", "1000")
			s.must("task", "pause", id)
			status, refused := s.taskStatus(id), s.code("task", "exec", "--exec-id", "a", id, "true") != 0
			s.must("task", "resume", id)
			return lines(status, refused, s.taskStatus(id))
		}},
		{"ps and metrics", "true; true", func(s *session) string {
			id, pid := s.task(nil, "sleep", "1000")
			return lines(strings.Contains(s.say("task", "ps", id), fmt.Sprint(pid)), strings.Contains(s.say("task", "metrics", id), "memory.usage_in_bytes"))
		}},
		{"a joined PID namespace", "sleep 1000; RUNNING", func(s *session) string {
			id, pid := s.task(nil, "sleep", "1000")
			saw := ctrOnce([]string{"--with-ns", fmt.Sprintf("pid:/proc/%d/ns/pid", pid)}, "sh", "-c", `tr '\0' ' ' </proc/1/cmdline; echo`)(s)
			return lines(saw, s.taskStatus(id))
		}},
		{"a removed task leaves nothing", "; false; false", func(s *session) string {
			id, pid := s.task(nil, "sh", "-c", "sleep 1000 & sleep 1000 & wait")
			dir := cgroupOf(pid, "pids")
			s.removeTask(id)
			s.cleanup = nil
			_, err := os.Stat(dir)
			return lines(strings.Join(stateOf(id), " "), alive(pid), err == nil)
		}},
		{"fifty at once", "50; 0", func(s *session) string {
			var wg sync.WaitGroup
			var m sync.Mutex
			ids, slots := []string{}, make(chan bool, 8)
			for range 50 {
				wg.Go(func() {
					slots <- true
					defer func() { <-slots }()
					id := rig.ID()
					if s.code(s.args("run", "-d", "--null-io", image, id, "sleep", "1000")...) == 0 {
						m.Lock()
						ids = append(ids, id)
						m.Unlock()
					}
				})
			}
			wg.Wait()
			running := func() (n int) {
				for line := range strings.Lines(s.call("task", "ls").out) {
					if f := strings.Fields(line); len(f) == 3 && f[2] == "RUNNING" && slices.Contains(ids, f[0]) {
						n++
					}
				}
				return n
			}
			before := running()
			s.must(append([]string{"task", "rm", "-f"}, ids...)...)
			s.must(append([]string{"container", "rm"}, ids...)...)
			return lines(before, running())
		}},
	}
}
