package engines

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minirun/tests/rig"
)

// mapped is the host's id of root in the user namespaces of these checks.
const mapped = 200000

// maps are flags of podman and ctr.
var maps = []string{"--uidmap", fmt.Sprintf("0:%d:65536", mapped), "--gidmap", fmt.Sprintf("0:%d:65536", mapped)}

// whoami tells the ids of a process, its mapping, and the owners of a file
// that it makes, of a device and of its /proc.
const (
	whoami = `id -u; id -g; tr -s ' ' </proc/self/uid_map; touch /f && stat -c '%u:%g' /f; echo x >/dev/null && stat -c '%u:%g' /proc/self/`
	root   = "0 | 0 |  0 200000 65536 | 0:0 | 0:0"
)

// hostIDs are the user and the group of a process, on the host.
func hostIDs(pid int) string { return owner(fmt.Sprintf("/proc/%d", pid)) }

func owner(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d:%d", st.Uid, st.Gid)
}

// userNS is a process's user namespace.
func userNS(pid int) string {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	if err != nil {
		return err.Error()
	}
	return link
}

func flags(list []string, more ...string) []string {
	return append(append([]string{}, list...), more...)
}

func podmanUserChecks() []check {
	return []check{
		{"user namespace", root, once(maps, "sh", "-c", whoami)},
		{"user namespace: user, terminal", "1000 | 100 | 1000:100 | /dev/pts/0 | 1000:5 | hi",
			script("id -u; id -G; touch /tmp/f && stat -c %u:%g /tmp/f; tty; stat -c %u:%g /dev/pts/0; echo hi >/dev/tty", flags(maps, "-u", "1000:100", "-t")...)},
		{"user namespace: tmpfs, volume, mount", "0:0 | 5:6 | ok | mounted", func(s *session) string {
			dir := s.r.Mkdir("volume-" + s.rt.name)
			if err := os.Chown(dir, mapped+5, mapped+6); err != nil {
				return err.Error()
			}
			return script("stat -c %u:%g /x; stat -c %u:%g /v; touch /x/a && echo ok; mount -t tmpfs none /tmp && echo mounted",
				flags(maps, "--tmpfs", "/x", "-v", dir+":/v", "--security-opt", "seccomp=unconfined", "--cap-add", "SYS_ADMIN")...)(s)
		}},
		{"user namespace: a tmpfs over what the image has", "0:0 | true", func(s *session) string {
			return script("stat -c %u:%g /bin; test -x /bin/busybox && echo true", flags(maps, "--mount", "type=tmpfs,tmpfs-mode=755,destination=/bin,tmpcopyup")...)(s)
		}},
		{"user namespace: the host's network", "0 | /sys/class/net/lo", func(s *session) string {
			return s.say(flags([]string{"run", "--rm", "--pull", "never", "--network", "host", "--cgroup-parent", "/" + rig.Marker},
				flags(maps, image, "sh", "-c", "id -u; ls -d /sys/class/net/lo")...)...)
		}},
		{"user namespace: exec", "200000:200000; " + root + "; 1000; /dev/pts/0; true; true", func(s *session) string {
			name := s.detached(maps, "sleep", "1000")
			pid := s.pid(name)
			top := s.say("top", name, "huser", "args")
			return lines(hostIDs(pid), s.say("exec", name, "sh", "-c", whoami), s.say("exec", "-u", "1000:100", name, "id", "-u"), s.say("exec", "-t", name, "tty"),
				s.say("exec", name, "readlink", "/proc/self/ns/user") == userNS(pid), strings.Contains(top, "200000") && strings.Contains(top, "sleep 1000"))
		}},
		{"user namespace of another container", "true; 200000:200000; " + root, func(s *session) string {
			first := s.detached(maps, "sleep", "1000")
			second := s.detached([]string{"--userns=container:" + first}, "sleep", "1000")
			return lines(userNS(s.pid(first)) == userNS(s.pid(second)), hostIDs(s.pid(second)), s.say("exec", second, "sh", "-c", whoami))
		}},
		{"user and PID namespace of another container", "true; sleep 1000; 137", func(s *session) string {
			first := s.detached(maps, "sleep", "1000")
			second := s.detached([]string{"--userns=container:" + first, "--pid=container:" + first, "--ipc=container:" + first}, "sleep", "2000")
			same, saw := userNS(s.pid(first)) == userNS(s.pid(second)), s.say("exec", second, "sh", "-c", `tr '\0' ' ' </proc/1/cmdline; echo`)
			s.must("kill", first)
			return lines(same, saw, s.say("wait", second))
		}},
		{"user namespace: auto", "0 | 0 0 | true", script(`id -u; stat -c '%u %g' /proc/self/; awk '{print ($2 >= 1000000)}' /proc/self/uid_map | sed s/1/true/`, "--userns=auto")},
		{"user namespace of a pod", "200000:200000; true; true; " + root, func(s *session) string {
			pod, first := rig.ID(), rig.ID()
			s.must(flags([]string{"pod", "create", "--name", pod, "--infra-image", image, "--infra-command", "sleep 1000", "--network", "none",
				"--cgroup-parent", "/" + rig.Marker}, maps...)...)
			id := s.say("pod", "inspect", "--format", "{{.ID}}", pod)
			s.cleanup = append(s.cleanup, cleanup{pod, func() {
				s.must("pod", "rm", "-f", "-t", "0", pod)
				removeCgroups(id) // of the pod, which podman leaves in hierarchies without a controller
			}})
			s.must("run", "-d", "--pull", "never", "--pod", pod, "--name", first, image, "sleep", "1000")
			infra := s.say("pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
			saw, ns, _ := strings.Cut(s.say("run", "--pull", "never", "--rm", "--pod", pod, image, "sh", "-c", whoami+"; readlink /proc/self/ns/user"), " | user:")
			return lines(hostIDs(s.pid(first)), "user:"+ns == userNS(s.pid(first)), "user:"+ns == userNS(s.pid(infra)), saw)
		}},
	}
}

// dockerUserChecks are with userns-remap in dockerd's configuration.
func dockerUserChecks() []check {
	return []check{
		{"user namespace", root, once(nil, "sh", "-c", whoami)},
		{"user namespace: none for one container", "0 0 4294967295", script(`awk '{print $1, $2, $3}' /proc/self/uid_map`, "--userns=host")},
		{"user namespace: exec, restart", "200000:200000; " + root + "; 200000:200000", func(s *session) string {
			name := s.detached([]string{"--tmpfs", "/x"}, "sleep", "1000")
			ids, saw := hostIDs(s.pid(name)), s.say("exec", name, "sh", "-c", whoami)
			s.must("restart", "-t", "0", name)
			return lines(ids, saw, hostIDs(s.pid(name)))
		}},
	}
}

func ctrUserChecks() []check {
	return []check{
		{"user namespace", root, ctrOnce(maps, "sh", "-c", whoami)},
		{"user namespace: exec, pause, kill", "200000:200000; " + root + "; PAUSED; 137", func(s *session) string {
			id, pid := s.task(maps, "sleep", "1000")
			ids, saw := hostIDs(pid), s.say("task", "exec", "--exec-id", "a", id, "sh", "-c", whoami)
			s.must("task", "pause", id)
			status := s.taskStatus(id)
			s.must("task", "resume", id)
			s.must("task", "kill", "-s", "KILL", id)
			return lines(ids, saw, status, s.ended(id))
		}},
		{"user namespace of another task", root + "; RUNNING", func(s *session) string {
			id, pid := s.task(maps, "sleep", "1000")
			saw := ctrOnce(flags(maps, "--with-ns", fmt.Sprintf("user:/proc/%d/ns/user", pid)), "sh", "-c", whoami)(s)
			return lines(saw, s.taskStatus(id))
		}},
	}
}

// unshared is hostUsers false of a pod.
func unshared(o *cri.NamespaceOption) {
	m := []*cri.IDMapping{{HostId: mapped, Length: 65536}}
	o.UsernsOptions = &cri.UserNamespace{Mode: cri.NamespaceMode_POD, Uids: m, Gids: m}
}

// kubeUserChecks need containerd 2, which makes the pod's user and network
// namespaces itself where the network is not the host's, and mounts every
// volume with the pod's mapping.
func kubeUserChecks() []kubeCheck {
	return []kubeCheck{
		{"hostUsers false", usersWant, func(k *kubelet) string { return users(k, cri.NamespaceMode_POD) }},
		{"hostUsers false, the host's network", usersWant, func(k *kubelet) string { return users(k, cri.NamespaceMode_NODE) }},
	}
}

const usersWant = "200000:200000; " + root + "; 7:8; true; true; exited 137"

func users(k *kubelet, network cri.NamespaceMode) string {
	k.edit = func(o *cri.NamespaceOption) { unshared(o); o.Network = network }
	p := k.pod(cri.NamespaceMode_CONTAINER, nil)
	dir := k.r.Mkdir("volume-" + k.rt.name)
	if err := os.Chown(dir, 7, 8); err != nil { // by an idmapped mount it is the container's 7 and 8
		return err.Error()
	}
	m := p.config.Linux.SecurityContext.NamespaceOptions.UsernsOptions
	first := p.runs(func(c *cri.ContainerConfig) {
		c.Mounts = []*cri.Mount{{ContainerPath: "/v", HostPath: dir, UidMappings: m.Uids, GidMappings: m.Gids}}
	}, "sleep", "1000")
	second := p.runs(nil, "sleep", "1000")
	pids := [][]int{hostPids(p.id), hostPids(first), hostPids(second)}
	for _, list := range pids {
		if len(list) == 0 {
			return "no process"
		}
	}
	ns := userNS(pids[0][0])
	saw := lines(hostIDs(pids[1][0]), k.exec(first, "sh", "-c", whoami), k.exec(first, "stat", "-c", "%u:%g", "/v"),
		ns == userNS(pids[1][0]), ns == userNS(pids[2][0]))
	k.stop(first, 1)
	return lines(saw, k.state(first))
}
