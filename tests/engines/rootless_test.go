package engines

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"minirun/tests/rig"
)

// The user whom giveIDs makes.
const (
	userName = "minirun-test"
	userID   = 64123
)

// podman of a user without privileges makes a user namespace with root in it
// before it calls the runtime; there is no cgroup that this user may make.
func TestPodmanRootless(t *testing.T) {
	r := rig.New(t)
	rts := runtimes(r)
	rts[0].path = r.Path("minirun") // what rig has is root's
	if err := rig.Copy(r.Runtime.Path, rts[0].path); err != nil {
		t.Fatal(err)
	}
	open := podman(t, r, rts)
	for _, name := range []string{"home", "tmp", "cwd", "xdg", "graph", "runroot", "libpod", "networks"} {
		if err := errors.Join(os.Chown(r.Mkdir(name), userID, userID), os.Chmod(r.Path(name), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	user := func(rt runtime) *session {
		s := open(rt)
		s.user, s.run = &syscall.Credential{Uid: userID, Gid: userID}, []string{"--pull", "never", "--network", "none"}
		s.env = append(s.env, "XDG_RUNTIME_DIR="+r.Path("xdg"), "USER="+userName)
		return s
	}
	s := user(rts[0])
	s.must("load", "-q", "-i", makeImage(r))
	r.Cleanup(func() { s.must("system", "migrate") }) // ends the process that keeps podman's namespaces
	each(t, rootlessChecks(), user, rts)
}

func rootlessChecks() []check {
	return []check{
		{"output and exit code", "out; err; 7", func(s *session) string {
			x := s.call(s.args("run", "--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7")...)
			return lines(oneLine(x.out), oneLine(x.err), x.code)
		}},
		{"ids", "0 | 64123 1 | 300000 65536", script("id -u; awk '{print $2, $3}' /proc/self/uid_map")},
		{"the user's own id", fmt.Sprint(userID), script("id -u", "--userns=keep-id")},
		{"terminal", "/dev/pts/0", script("tty", "-t")},
		{"the host's network", "/sys/class/net/lo", func(s *session) string {
			return s.say("run", "--rm", "--pull", "never", "--network", "host", image, "ls", "-d", "/sys/class/net/lo")
		}},
		{"annotation minirun.init", "minirun-init", once([]string{"--annotation", "minirun.init=true"}, "cat", "/proc/1/comm")},
		{"no such program, not executable", "127; 126", func(s *session) string {
			return lines(s.code(s.args("run", "--rm", image, "/no/such")...), s.code(s.args("run", "--rm", image, "/etc")...))
		}},
		{"volume, exec, stop", "of the user; 64123:64123; 0; 5", func(s *session) string {
			dir := s.r.Mkdir("volume-" + s.rt.name)
			if err := errors.Join(os.WriteFile(dir+"/f", []byte("of the user\n"), 0o644), os.Chown(dir, userID, userID)); err != nil {
				return err.Error()
			}
			name := s.busy("-v", dir+":/v")
			read, id := s.say("exec", name, "sh", "-c", "cat /v/f; touch /v/new"), s.say("exec", name, "id", "-u")
			owner := owner(dir + "/new")
			s.must("stop", "-t", "60", name)
			return lines(read, owner, id, s.inspect(name, "State.ExitCode"))
		}},
	}
}
