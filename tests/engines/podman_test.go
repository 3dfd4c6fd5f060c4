package engines

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func TestPodman(t *testing.T) {
	r := rig.New(t)
	rts := runtimes(r)
	r.Cleanup(func() { removeCgroups("conmon") }) // podman leaves it, whatever the runtime
	open := podman(t, r, rts)
	load := open(rts[0])
	load.must("load", "-q", "-i", makeImage(r))
	each(t, slices.Concat(runChecks(), liveChecks(), podmanChecks(), podmanUserChecks()), open, rts)
}

// removeCgroups removes an empty cgroup of the run from every hierarchy.
func removeCgroups(name string) {
	for _, dir := range rig.CgroupsNamed(rig.Marker + "/" + name) {
		unix.Rmdir(dir)
	}
}

// podman makes sessions of one podman, with its configuration.
func podman(t testing.TB, r *rig.Rig, rts []runtime) func(runtime) *session {
	program(r, "/usr/bin/conmon")
	conf := r.Write("containers.conf", fmt.Sprintf(`[engine]
lock_type = "file"
events_logger = "file"
runtime_supports_json = ["minirun", "runc"]
tmp_dir = %q
[network]
network_config_dir = %q
[engine.runtimes]
%s = [%q]
%s = [%q]
`, r.Path("libpod"), r.Path("networks"), rts[0].name, rts[0].path, rts[1].name, rts[1].path), 0o644)
	storage := r.Write("storage.conf", fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", r.Path("graph"), r.Path("runroot")), 0o644)
	env := append(environ(r), "CONTAINERS_CONF="+conf, "CONTAINERS_STORAGE_CONF="+storage)
	return func(rt runtime) *session {
		return &session{t: t, r: r, rt: rt, env: env,
			client: []string{program(r, "/usr/bin/podman"), "--runtime", rt.name, "--cgroup-manager", "cgroupfs",
				"--root", r.Path("graph"), "--runroot", r.Path("runroot"), "--tmpdir", r.Path("libpod"), "--storage-driver", "vfs"},
			remove: []string{"rm", "-f", "-t", "0"}, run: []string{"--pull", "never", "--network", "none", "--cgroup-parent", "/" + rig.Marker}}
	}
}

func podmanChecks() []check {
	return []check{
		{"info names the runtime's version", "true", func(s *session) string {
			return lines(strings.Contains(s.say("info", "--format", "{{.Host.OCIRuntime.Version}}"), "runc version "))
		}},
		{"annotation minirun.init", "minirun-init", once([]string{"--annotation", "minirun.init=true"}, "cat", "/proc/1/comm")},
		{"exec of what cannot be executed", "127; 127; 126", badExec},
		{"umask", "0027", script("umask", "--umask", "0027")},
		{"out of memory", "137", func(s *session) string { // that it was memory, podman 4.3 does not see with cgroup v1
			return s.say("wait", s.detached([]string{"--memory", "16m", "--memory-swap", "16m"}, "tail", "/dev/zero"))
		}},
	}
}
