package engines

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"minirun/tests/rig"
)

func TestDocker(t *testing.T) {
	docker(t, slices.Concat(runChecks(), liveChecks(), dockerChecks()))
}

func TestDockerUserNamespace(t *testing.T) { docker(t, dockerUserChecks(), "--userns-remap=daemon") }

func docker(t *testing.T, list []check, flags ...string) {
	r := rig.New(t)
	rts := runtimes(r)
	conf := fmt.Sprintf(`{ "runtimes": { %q: { "path": %q } } }`, rts[0].name, rts[0].path) // runc is built in
	client := startDocker(r, conf, image, flags...)
	open := func(rt runtime) *session {
		return &session{t: t, r: r, rt: rt, client: client, env: environ(r), remove: []string{"rm", "-f"},
			run: []string{"--runtime", rt.name, "--network", "none", "--cgroup-parent", "/" + rig.Marker}}
	}
	each(t, list, open, rts)
}

// startDocker starts dockerd with its own containerd and loads the image under
// a name. conf is daemon.json.
func startDocker(r *rig.Rig, conf, name string, flags ...string) []string {
	r.Helper()
	host := "unix://" + r.Path("docker.sock")
	client := []string{program(r, "/usr/bin/docker"), "--config", r.Mkdir("home"), "-H", host}
	c := startContainerd(r, containerd1(r))
	s := &session{t: r, r: r, client: client, env: environ(r)}
	ready := func() bool { return s.code("version") == 0 }
	args := []string{"--host", host, "--data-root", r.Path("docker"), "--exec-root", r.Path("dx"), "--pidfile", r.Path("docker.pid"),
		"--containerd", c.address, "--containerd-namespace", rig.Marker + "-docker", "--containerd-plugins-namespace", rig.Marker + "-plugins",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs", "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--config-file", r.Write("daemon.json", conf, 0o644), "--userland-proxy=false"}
	args = append(args, flags...)
	start(r, ready, program(r, "/usr/sbin/dockerd"), args...)
	s.must("load", "-q", "-i", makeImage(r, name))
	return client
}

func dockerChecks() []check {
	return []check{
		{"the daemon knows the runtime", "true", func(s *session) string {
			return lines(strings.Contains(s.say("info", "--format", "{{json .Runtimes}}"), `"`+s.rt.name+`"`))
		}},
		{"exec of what cannot be executed", "126; 126; 126", badExec}, // 20.10 has no 127 here
		{"ulimit", "100", script("ulimit -n", "--ulimit", "nofile=100:200")},
		{"out of memory", "137; true", func(s *session) string {
			// The shim begins to listen for it when start has returned: what comes before, nobody hears.
			name := s.detached([]string{"--memory", "16m", "--memory-swap", "16m"}, "sh", "-c", "sleep 2; exec tail /dev/zero")
			code := s.say("wait", name)
			eventually(func() bool { return s.inspect(name, "State.OOMKilled") == "true" })
			return lines(code, s.inspect(name, "State.OOMKilled"))
		}},
		{"restart policy", "2; 3", func(s *session) string {
			name := s.detached([]string{"--restart", "on-failure:2"}, "sh", "-c", "exit 3")
			eventually(func() bool {
				return s.inspect(name, "State.Status") == "exited" && s.inspect(name, "RestartCount") == "2"
			})
			return lines(s.inspect(name, "RestartCount"), s.inspect(name, "State.ExitCode"))
		}},
	}
}
