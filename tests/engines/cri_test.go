package engines

import (
	"fmt"
	"os"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minirun/tests/rig"
)

// What a kubelet does, on the distribution's containerd.
func TestKubernetes(t *testing.T) {
	r := rig.New(t)
	kubernetes(t, r, containerd1(r))
}

// And on a containerd of today.
func TestKubernetes2(t *testing.T) {
	r := rig.New(t)
	kubernetes(t, r, containerd2(r))
}

func kubernetes(t *testing.T, r *rig.Rig, c server) {
	rts := runtimes(r)
	c = startCRI(r, c, c.handlers(rts))
	ctr := &session{t: t, r: r, rt: rts[0], client: []string{c.ctr, "--address", c.address, "--namespace", "k8s.io"}, env: environ(r)}
	ctr.load(c, makeImage(r))
	rpc := cri.NewRuntimeServiceClient(dial(r, c.address))
	list := kubeChecks()
	if c.version == 2 {
		list = append(list, kubeUserChecks()...)
		keeper := &kubelet{t: t, r: r, rt: rts[0], rpc: rpc, edit: unshared}
		keeper.pod(cri.NamespaceMode_CONTAINER, nil) // keeps the snapshot of the user namespace, which two at once cannot make
		defer keeper.close()
	}
	checks := make([]check, len(list))
	for i, c := range list {
		checks[i] = check{c.name, c.want, func(s *session) string {
			k := &kubelet{t: s.t, r: r, rt: s.rt, rpc: rpc}
			defer k.close()
			return c.do(k)
		}}
	}
	each(t, checks, func(rt runtime) *session { return &session{t: t, r: r, rt: rt} }, rts)
	ctr.must("image", "rm", "--sync", image)
}

// A kubeCheck is a check by way of CRI.
type kubeCheck struct {
	name, want string
	do         func(*kubelet) string
}

// target has a container share the PID namespace of another.
func target(id string) func(*cri.ContainerConfig) {
	return func(c *cri.ContainerConfig) {
		o := c.Linux.SecurityContext.NamespaceOptions
		o.Pid, o.TargetId = cri.NamespaceMode_TARGET, id
	}
}

// hostPids are the pids of a container's processes, by its cgroup.
func hostPids(id string) []int { return tasks("/sys/fs/cgroup/pids/" + rig.Marker + "/" + id) }

const psArgs = "ps -o args | grep -c '^[s]leep'"

func kubeChecks() []kubeCheck {
	return []kubeCheck{
		{"a container's life", "running; hi; (exit 3); exited 137", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sleep", "1000")
			state, out, code := k.state(id), k.exec(id, "echo", "hi"), k.exec(id, "sh", "-c", "exit 3")
			k.stop(id, 1)
			return lines(state, out, code, k.state(id))
		}},
		{"an exit code", "exited 7", func(k *kubelet) string {
			return k.exited(k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sh", "-c", "exit 7"))
		}},
		{"stop: PID 1 handles TERM", "exited 5", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sh", "-c", busy)
			eventually(func() bool { return catchesTerm(k.exec(id, "cat", "/proc/1/status")) })
			k.stop(id, 60)
			return k.state(id)
		}},
		{"PID mode container: PID 1 is the program", "sleep 1000", func(k *kubelet) string {
			return k.exec(k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sleep", "1000"), "sh", "-c", `tr '\0' ' ' </proc/1/cmdline`)
		}},
		{"PID mode pod: containers see each other, and end alone", "4; exited 143; running; 0", func(k *kubelet) string {
			p := k.pod(cri.NamespaceMode_POD, nil)
			first, second := p.runs(nil, "sleep", "1000"), p.runs(nil, "sh", "-c", "sleep 2000 & exec sleep 2000")
			eventually(func() bool { return len(hostPids(second)) == 2 })
			saw := ""
			eventually(func() bool { saw = k.exec(first, "sh", "-c", psArgs+"; true"); return saw == "4" }) // pause and three
			k.stop(second, 1)
			return lines(saw, k.state(second), k.state(first), len(hostPids(second)))
		}},
		{"PID mode target: it sees the target, and ends with it", "sleep 1000; exited 137", func(k *kubelet) string {
			p := k.pod(cri.NamespaceMode_CONTAINER, nil)
			first := p.runs(nil, "sleep", "1000")
			second := p.runs(target(first), "sleep", "2000")
			saw := k.exec(second, "sh", "-c", `tr '\0' ' ' </proc/1/cmdline`)
			k.stop(first, 0)
			return lines(saw, k.exited(second))
		}},
		{"PID mode node: the host's namespace, and no child survives", "true; exited 143; 0", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_NODE, nil).runs(nil, "sh", "-c", "sleep 1000 & exec sleep 1000")
			eventually(func() bool { return len(hostPids(id)) == 2 })
			own, _ := os.Readlink("/proc/self/ns/pid")
			inside := k.exec(id, "readlink", "/proc/self/ns/pid")
			k.stop(id, 1)
			return lines(inside == own, k.state(id), len(hostPids(id)))
		}},
		{"no such program", "true; exited 127 or created", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).container(nil, "/no/such")
			msg, state := k.start(id), k.state(id)
			if state == "exited 127" || state == "exited 128" || state == "created" {
				state = "exited 127 or created"
			}
			return lines(strings.Contains(msg, `exec: "/no/such": stat /no/such: no such file or directory`), state)
		}},
		{"update", "104857600; 20000; true", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).runs(func(c *cri.ContainerConfig) {
				c.Linux.Resources = &cri.LinuxContainerResources{MemoryLimitInBytes: 64 << 20}
			}, "sleep", "1000")
			_, err := k.rpc.UpdateContainerResources(within(), &cri.UpdateContainerResourcesRequest{ContainerId: id,
				Linux: &cri.LinuxContainerResources{MemoryLimitInBytes: 100 << 20, CpuPeriod: 100000, CpuQuota: 20000}})
			k.check("update", err)
			pids := hostPids(id)
			if len(pids) == 0 {
				return "no process"
			}
			return lines(limit(pids[0], "memory", "memory.limit_in_bytes"), limit(pids[0], "cpu", "cpu.cfs_quota_us"), k.exec(id, "sh", "-c", "echo >/dev/null") == "")
		}},
		{"stats", "true", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sleep", "1000")
			x, err := k.rpc.ContainerStats(within(), &cri.ContainerStatsRequest{ContainerId: id})
			k.check("stats", err)
			return lines(x.GetStats().GetMemory().GetWorkingSetBytes().GetValue() > 0)
		}},
		{"security context", "1000 | CapEff:\t0000000000000000 | NoNewPrivs:\t1 | Seccomp:\t2 | read-only", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, nil).runs(func(c *cri.ContainerConfig) {
				s := c.Linux.SecurityContext
				s.RunAsUser, s.ReadonlyRootfs, s.NoNewPrivs = &cri.Int64Value{Value: 1000}, true, true
				s.Capabilities = &cri.Capability{DropCapabilities: []string{"ALL"}}
				s.Seccomp = &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}
			}, "sleep", "1000")
			return k.exec(id, "sh", "-c", "id -u; grep -E '^(CapEff|NoNew|Seccomp:)' /proc/self/status; touch /tmp/a 2>/dev/null || echo read-only")
		}},
		{"annotation minirun.init of the pod", "minirun-init", func(k *kubelet) string {
			id := k.pod(cri.NamespaceMode_CONTAINER, map[string]string{"minirun.init": "true"}).runs(nil, "sleep", "1000")
			return k.exec(id, "cat", "/proc/1/comm")
		}},
		{"no descriptor leaks into exec", "0 | 1 | 2 | 3", func(k *kubelet) string {
			return k.exec(k.pod(cri.NamespaceMode_CONTAINER, nil).runs(nil, "sleep", "1000"), "ls", "/proc/self/fd")
		}},
		{"a removed pod leaves nothing", "0; ", func(k *kubelet) string {
			p := k.pod(cri.NamespaceMode_POD, nil)
			id := p.runs(nil, "sh", "-c", "sleep 1000 & exec sleep 1000")
			k.close()
			return lines(len(hostPids(id)), strings.Join(append(stateOf(id), stateOf(p.id)...), " "))
		}},
	}
}

// startCRI starts a containerd with CRI and no network of pods. conf is the
// beginning of its configuration, with the handlers.
func startCRI(r *rig.Rig, c server, conf string) server {
	c.address = r.Path("cri.sock")
	plugin, snapshotter := c.cri(), "\n"
	if c.version == 2 {
		conf += fmt.Sprintf("[plugins.\"io.containerd.cri.v1.images\"]\nsnapshotter = \"native\"\n[plugins.\"io.containerd.cri.v1.images\".pinned_images]\nsandbox = %q\n", image)
		conf += fmt.Sprintf("[%s.cni]\nbin_dirs = [%q]\nconf_dir = %q\nuse_internal_loopback = true\n[%s]\n", plugin, r.Path("cni"), network(r), plugin)
	} else {
		conf += fmt.Sprintf("[%s]\nsandbox_image = %q\n", plugin, image)
		snapshotter = "snapshotter = \"native\"\n"
	}
	conf += fmt.Sprintf("restrict_oom_score_adj = true\ndisable_apparmor = true\n[%s.containerd]\ndefault_runtime_name = \"minirun\"\n%s", plugin, snapshotter)
	rpc := cri.NewRuntimeServiceClient(dial(r, c.address))
	start(r, func() bool { _, err := rpc.Version(within(), &cri.VersionRequest{}); return err == nil }, c.binary,
		"--config", r.Write("cri.toml", conf, 0o644), "--address", c.address, "--root", r.Path("cri-root"), "--state", r.Path("cri-state"))
	return c
}

// cri is the table of the plugin.
func (c server) cri() string {
	if c.version == 2 {
		return `plugins."io.containerd.cri.v1.runtime"`
	}
	return `plugins."io.containerd.grpc.v1.cri"`
}

// handlers are a configuration with a handler for each runtime.
func (c server) handlers(rts []runtime) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version = %d\n", c.version+1)
	for _, rt := range rts {
		fmt.Fprintf(&b, "[%s.containerd.runtimes.%s]\nruntime_type = \"io.containerd.runc.v2\"\npod_annotations = [\"minirun.*\"]\ncontainer_annotations = [\"minirun.*\"]\n", c.cri(), rt.name)
		if c.version == 2 {
			fmt.Fprintln(&b, `snapshotter = "native"`)
		}
		fmt.Fprintf(&b, "[%s.containerd.runtimes.%s.options]\nBinaryName = %q\n", c.cri(), rt.name, rt.path)
	}
	return b.String()
}

// network makes a CNI plugin that gives a pod an address on paper: the pod has
// a network namespace of its own with nothing in it but lo.
func network(r *rig.Rig) (conf string) {
	r.Mkdir("cni")
	r.Write("cni/nowhere", `#!/bin/sh
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"192.0.2.1/32","interface":0}]}' ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
esac
`, 0o755)
	conf = r.Mkdir("cni-conf")
	r.Write("cni-conf/nowhere.conflist", `{"cniVersion":"1.0.0","name":"nowhere","plugins":[{"type":"nowhere"}]}`, 0o644)
	return conf
}
