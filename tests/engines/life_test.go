package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"minirun/tests/rig"
)

// What docker's and podman's command lines have in common, which is nearly
// everything.

// busy is a container's program that ends on TERM with code 5 and says "usr1" on USR1.
const busy = `trap "exit 5" TERM; trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done`

// once is a container that is run to its end; what it prints is the answer.
func once(flags []string, cmd ...string) func(*session) string {
	return func(s *session) string {
		return s.say(s.args("run", append(append([]string{"--rm"}, flags...), append([]string{image}, cmd...)...)...)...)
	}
}

// script is once, of a shell script.
func script(text string, flags ...string) func(*session) string {
	return once(flags, "sh", "-c", text)
}

// detached starts a container that is removed when the check ends.
func (s *session) detached(flags []string, cmd ...string) string {
	name := rig.ID()
	s.must(s.args("run", append(append([]string{"-d", "--name", name}, flags...), append([]string{image}, cmd...)...)...)...)
	s.cleanup = append(s.cleanup, cleanup{name, func() { s.must(s.rm(name)...) }})
	return name
}

// busy starts the program busy and waits until its traps stand.
func (s *session) busy(flags ...string) string {
	name := s.detached(flags, "sh", "-c", busy)
	if !eventually(func() bool { return strings.Contains(s.call("logs", name).out, "ready") }) {
		s.rt.complain(s.t, "%s is not ready: %s", name, s.say("logs", name))
	}
	return name
}

// rm are the arguments that end and remove containers.
func (s *session) rm(names ...string) []string { return slices.Concat(s.remove, names) }

// inspect asks for one field.
func (s *session) inspect(name, field string) string {
	return s.say("inspect", "--format", "{{."+field+"}}", name)
}

// pid is the init's, on the host.
func (s *session) pid(name string) int { return atoi(s.inspect(name, "State.Pid")) }

// lines joins what a check saw.
func lines(parts ...any) string {
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = fmt.Sprint(p)
	}
	return strings.Join(text, "; ")
}

func runChecks() []check {
	return []check{
		{"output and exit code", "out; err; 7", func(s *session) string {
			x := s.call(s.args("run", "--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7")...)
			return lines(oneLine(x.out), oneLine(x.err), x.code)
		}},
		{"standard input", "HELLO", func(s *session) string {
			return oneLine(s.feed("hello\n", s.args("run", "--rm", "-i", image, "tr", "a-z", "A-Z")...).out)
		}},
		{"user, directory, environment, host name", "1000 | 100 | /tmp | b | box",
			script("id -u; id -g; pwd; echo $A; hostname", "-u", "1000:100", "-w", "/tmp", "-e", "A=b", "-h", "box")},
		{"terminal", "/dev/pts/0 | crw--w---- | 5", script("tty; stat -c '%A' /dev/pts/0; stat -c %g /dev/pts/0", "-t")},
		{"PID 1 is the program, with default signals", "NSpid:\t1 | SigBlk:\t0000000000000000 | SigIgn:\t0000000000000000 | SigCgt:\t0000000000000000",
			once(nil, "grep", "-E", "^(NSpid:\t1$|Sig(Blk|Ign|Cgt))", "/proc/1/status")},
		{"no descriptor leaks into init", "0 | 1 | 2 | 3", once(nil, "ls", "/proc/self/fd")},
		{"capabilities and no new privileges", "CapInh:\t0000000000000000 | CapPrm:\t0000000000000000 | CapEff:\t0000000000000000 | CapBnd:\t0000000000000000 | CapAmb:\t0000000000000000 | NoNewPrivs:\t1 | Seccomp:\t2",
			once([]string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges"}, "grep", "-E", "^(Cap|NoNew|Seccomp:)", "/proc/self/status")},
		{"the profile of seccomp refuses", "unshare: unshare(0x8000000): Operation not permitted", script("unshare -i true 2>&1; true")},
		{"read-only root, tmpfs, volume", "read-only | ok | of the host | read-only", func(s *session) string {
			dir := s.r.Mkdir("volume-" + s.rt.name)
			os.WriteFile(filepath.Join(dir, "f"), []byte("of the host\n"), 0o644)
			return script("touch /a 2>/dev/null || echo read-only; touch /x/a && echo ok; cat /v/f; touch /v/b 2>/dev/null || echo read-only",
				"--read-only", "--tmpfs", "/x", "-v", dir+":/v:ro")(s)
		}},
		{"privileged", "mounted | 0", script("mount -t tmpfs t /tmp && echo mounted; awk '/^Seccomp:/ {print $2}' /proc/self/status", "--privileged")},
		{"sysctl, device", "65536 | c", script("cat /proc/sys/kernel/msgmax; test -c /dev/x && echo c",
			"--sysctl", "kernel.msgmax=65536", "--device", "/dev/null:/dev/x")},
		{"limits", "67108864; 20; 50000", func(s *session) string {
			pid := s.pid(s.detached([]string{"--memory", "64m", "--pids-limit", "20", "--cpus", "0.5"}, "sleep", "1000"))
			return lines(limit(pid, "memory", "memory.limit_in_bytes"), limit(pid, "pids", "pids.max"), limit(pid, "cpu", "cpu.cfs_quota_us"))
		}},
		{"no such program", "127", func(s *session) string { return lines(s.code(s.args("run", "--rm", image, "/no/such")...)) }},
		{"no such program in PATH", "127", func(s *session) string { return lines(s.code(s.args("run", "--rm", image, "nosuch")...)) }},
		{"not executable", "126", func(s *session) string { return lines(s.code(s.args("run", "--rm", image, "/etc")...)) }},
		{"--init reaps", "true", func(s *session) string {
			dir := cgroupOf(s.pid(s.detached([]string{"--init"}, "sh", "-c", "(sleep 0 &); sleep 1000; :")), "pids")
			return lines(eventually(func() bool { // init, shell and sleep, no zombie
				pids := tasks(dir)
				return len(pids) == 3 && !slices.ContainsFunc(pids, func(pid int) bool { return !alive(pid) })
			}))
		}},
	}
}

// badExec is the exit codes of exec.
func badExec(s *session) string {
	name := s.detached(nil, "sleep", "1000")
	return lines(s.code("exec", name, "/no/such"), s.code("exec", name, "nosuch"), s.code("exec", name, "/etc"))
}

// tasks are the pids in a cgroup.
func tasks(dir string) []int {
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	var pids []int
	for word := range strings.FieldsSeq(string(data)) {
		pids = append(pids, atoi(word))
	}
	return pids
}

func liveChecks() []check {
	return []check{
		{"create, start, attached", "hi; 3", func(s *session) string {
			name := rig.ID()
			s.must(s.args("create", "--name", name, image, "sh", "-c", "echo hi; exit 3")...)
			s.cleanup = append(s.cleanup, cleanup{name, func() { s.must(s.rm(name)...) }})
			x := s.call("start", "-a", name)
			return lines(oneLine(x.out), x.code)
		}},
		{"exec", "hi; 3; 1000; b; /tmp; /dev/pts/0", func(s *session) string {
			name := s.detached(nil, "sleep", "1000")
			return lines(s.say("exec", name, "echo", "hi"), s.code("exec", name, "sh", "-c", "exit 3"), s.say("exec", "-u", "1000", name, "id", "-u"),
				s.say("exec", "-e", "A=b", name, "sh", "-c", "echo $A"), s.say("exec", "-w", "/tmp", name, "pwd"), s.say("exec", "-t", name, "tty"))
		}},
		{"exec with input", "HELLO", func(s *session) string {
			return oneLine(s.feed("hello\n", "exec", "-i", s.detached(nil, "sleep", "1000"), "tr", "a-z", "A-Z").out)
		}},
		{"no descriptor leaks into exec", "0 | 1 | 2 | 3", func(s *session) string {
			return s.say("exec", s.detached(nil, "sleep", "1000"), "ls", "/proc/self/fd")
		}},
		{"detached exec", "2", func(s *session) string {
			name := s.detached(nil, "sleep", "1000")
			s.must("exec", "-d", name, "sleep", "1000")
			dir := cgroupOf(s.pid(name), "pids")
			eventually(func() bool { return len(tasks(dir)) == 2 })
			return lines(len(tasks(dir)))
		}},
		{"stop: PID 1 ignores TERM", "137", func(s *session) string {
			name := s.detached(nil, "sleep", "1000")
			s.must("stop", "-t", "1", name)
			return s.inspect(name, "State.ExitCode")
		}},
		{"stop: PID 1 handles TERM", "5", func(s *session) string {
			name := s.busy()
			s.must("stop", "-t", "60", name)
			return s.inspect(name, "State.ExitCode")
		}},
		{"stop --init: a program without handlers ends", "143", func(s *session) string {
			name := s.detached([]string{"--init"}, "sleep", "1000")
			eventually(func() bool { return len(tasks(cgroupOf(s.pid(name), "pids"))) == 2 })
			s.must("stop", "-t", "60", name)
			return s.inspect(name, "State.ExitCode")
		}},
		{"kill", "true; 137", func(s *session) string {
			name := s.busy()
			s.must("kill", "-s", "USR1", name)
			handled := eventually(func() bool { return strings.Contains(s.call("logs", name).out, "usr1") })
			s.must("kill", name)
			s.must("wait", name)
			return lines(handled, s.inspect(name, "State.ExitCode"))
		}},
		{"pause", "paused; FROZEN; true; running; ok", func(s *session) string {
			name := s.detached(nil, "sleep", "1000")
			s.must("pause", name)
			status, frozen := s.inspect(name, "State.Status"), limit(s.pid(name), "freezer", "freezer.state")
			refused := s.code("exec", name, "true") != 0
			s.must("unpause", name)
			return lines(status, frozen, refused, s.inspect(name, "State.Status"), s.say("exec", name, "echo", "ok"))
		}},
		{"update", "104857600; 209715200; true", func(s *session) string {
			name := s.detached([]string{"--memory", "64m", "--device", "/dev/null:/dev/x"}, "sleep", "1000")
			pid := s.pid(name)
			s.must("update", "--memory", "100m", "--memory-swap", "200m", name)
			raised := lines(limit(pid, "memory", "memory.limit_in_bytes"), limit(pid, "memory", "memory.memsw.limit_in_bytes"))
			return lines(raised, s.code("exec", name, "sh", "-c", "echo >/dev/x") == 0) // devices stay
		}},
		{"top", "true", func(s *session) string {
			return lines(strings.Contains(s.say("top", s.detached(nil, "sleep", "1000")), "sleep 1000"))
		}},
		{"stats", "1", func(s *session) string {
			return s.say("stats", "--no-stream", "--format", "{{.PIDs}}", s.detached(nil, "sleep", "1000"))
		}},
		{"restart", "true; true; 5", func(s *session) string {
			name := s.busy()
			before := s.pid(name)
			s.must("restart", "-t", "60", name)
			after := s.pid(name)
			eventually(func() bool { return strings.Count(s.call("logs", name).out, "ready") == 2 })
			s.must("stop", "-t", "60", name)
			return lines(before != after, !alive(before), s.inspect(name, "State.ExitCode"))
		}},
		{"rm -f leaves nothing", "; false; false", func(s *session) string {
			name := s.detached(nil, "sh", "-c", "sleep 1000 & sleep 1000 & wait")
			pid, id := s.pid(name), s.inspect(name, "Id")
			dir := cgroupOf(pid, "pids")
			eventually(func() bool { return len(tasks(dir)) == 3 })
			s.must(s.rm(name)...)
			s.cleanup = nil
			_, err := os.Stat(dir)
			return lines(strings.Join(stateOf(id), " "), alive(pid), err == nil)
		}},
		{"the host's PID namespace", "true; false; false", func(s *session) string {
			name := s.detached([]string{"--pid=host"}, "sh", "-c", "sleep 1000 & exec sleep 1000")
			pid := s.pid(name)
			dir := cgroupOf(pid, "pids")
			eventually(func() bool { return len(tasks(dir)) == 2 })
			inside, all := s.say("exec", name, "readlink", "/proc/self/ns/pid"), tasks(dir)
			own, _ := os.Readlink("/proc/self/ns/pid")
			s.must(s.rm(name)...)
			s.cleanup = nil
			return lines(inside == own, alive(all[0]), alive(all[len(all)-1]))
		}},
		{"the PID namespace of another container", "sleep 1000; false; running; 137", func(s *session) string {
			first := s.detached(nil, "sleep", "1000")
			second := s.detached([]string{"--pid=container:" + first}, "sh", "-c", "sleep 2000 & exec sleep 2000")
			dir := cgroupOf(s.pid(second), "pids")
			eventually(func() bool { return len(tasks(dir)) == 2 })
			left := tasks(dir)[0]
			saw := s.say("exec", second, "sh", "-c", `tr '\0' ' ' </proc/1/cmdline; echo`)
			s.must(s.rm(second)...)
			s.cleanup = s.cleanup[:1]
			status := s.inspect(first, "State.Status")
			third := s.detached([]string{"--pid=container:" + first}, "sleep", "3000")
			s.must("kill", first)
			return lines(saw, alive(left), status, s.say("wait", third))
		}},
		{"ten at once", "10", func(s *session) string {
			var wg sync.WaitGroup
			var m sync.Mutex
			names := []string{}
			for range 10 { // fifty at once: see ctr
				wg.Go(func() {
					name := rig.ID()
					if s.code(s.args("run", "-d", "--name", name, image, "sleep", "1000")...) == 0 {
						m.Lock()
						names = append(names, name)
						m.Unlock()
					}
				})
			}
			wg.Wait()
			running := 0
			for _, state := range strings.Split(s.must(append([]string{"inspect", "--format", "{{.State.Status}}"}, names...)...), " | ") {
				if state == "running" {
					running++
				}
			}
			s.must(s.rm(names...)...)
			return lines(running)
		}},
	}
}

// stateOf are the directories that runtimes keep of a container.
func stateOf(id string) []string {
	var found []string
	for _, pattern := range []string{"/run/*/", "/run/*/*/", "/run/*/*/*/"} {
		list, _ := filepath.Glob(pattern + id)
		found = append(found, list...)
	}
	return found
}
