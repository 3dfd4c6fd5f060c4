package engines

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minirun/tests/rig"
)

// A kubelet is a client of the Container Runtime Interface, for one runtime.
type kubelet struct {
	t       testing.TB
	r       *rig.Rig
	rt      runtime
	rpc     cri.RuntimeServiceClient
	edit    func(*cri.NamespaceOption) // of pods and containers; or nil
	cleanup []func()
}

// close undoes what the check has made, the last first.
func (k *kubelet) close() {
	for i := len(k.cleanup) - 1; i >= 0; i-- {
		k.cleanup[i]()
	}
	k.cleanup = nil
}

// dial connects to a containerd.
func dial(r *rig.Rig, address string) *grpc.ClientConn {
	r.Helper()
	conn, err := grpc.NewClient("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn
}

// within bounds a call.
func within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// check tells of an error of what only prepares.
func (k *kubelet) check(what string, err error) {
	if err != nil {
		k.rt.complain(k.t, "%s: %s", what, status.Convert(err).Message())
	}
}

// A pod is a sandbox, and what its containers are made with.
type pod struct {
	k      *kubelet
	id     string
	config *cri.PodSandboxConfig
}

// pod runs a sandbox in the host's network, whose containers share the PID
// namespace as mode says.
func (k *kubelet) pod(mode cri.NamespaceMode, annotations map[string]string) *pod {
	name := rig.ID()
	p := &pod{k: k, config: &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "test"}, Annotations: annotations,
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: "/" + rig.Marker, SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: mode},
		}},
	}}
	k.change(p.config.Linux.SecurityContext.NamespaceOptions)
	x, err := k.rpc.RunPodSandbox(within(), &cri.RunPodSandboxRequest{Config: p.config, RuntimeHandler: k.rt.name})
	k.check("run sandbox", err)
	p.id = x.GetPodSandboxId()
	k.cleanup = append(k.cleanup, func() {
		_, err := k.rpc.StopPodSandbox(within(), &cri.StopPodSandboxRequest{PodSandboxId: p.id})
		k.check("stop sandbox", err)
		_, err = k.rpc.RemovePodSandbox(within(), &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
		k.check("remove sandbox", err)
	})
	return p
}

func (k *kubelet) change(o *cri.NamespaceOption) {
	if k.edit != nil {
		k.edit(o)
	}
}

// container creates a container, which edit may change before.
func (p *pod) container(edit func(*cri.ContainerConfig), cmd ...string) string {
	name := rig.ID()
	c := &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: name}, Image: &cri.ImageSpec{Image: image}, Command: cmd,
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: p.config.Linux.SecurityContext.NamespaceOptions.Pid},
		}}}
	p.k.change(c.Linux.SecurityContext.NamespaceOptions)
	if edit != nil {
		edit(c)
	}
	x, err := p.k.rpc.CreateContainer(within(), &cri.CreateContainerRequest{PodSandboxId: p.id, Config: c, SandboxConfig: p.config})
	p.k.check("create container", err)
	return x.GetContainerId()
}

// start starts a container and tells the message of an error.
func (k *kubelet) start(id string) string {
	_, err := k.rpc.StartContainer(within(), &cri.StartContainerRequest{ContainerId: id})
	return status.Convert(err).Message()
}

// runs creates and starts a container.
func (p *pod) runs(edit func(*cri.ContainerConfig), cmd ...string) string {
	id := p.container(edit, cmd...)
	if msg := p.k.start(id); msg != "" {
		p.k.rt.complain(p.k.t, "start: %s", msg)
	}
	return id
}

// exec is what a command in a container prints, and its code if that is not 0.
func (k *kubelet) exec(id string, cmd ...string) string {
	x, err := k.rpc.ExecSync(within(), &cri.ExecSyncRequest{ContainerId: id, Cmd: cmd, Timeout: int64(patience / time.Second)})
	if err != nil {
		return status.Convert(err).Message()
	}
	text := oneLine(string(x.Stdout))
	if x.ExitCode != 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s (exit %d)", text, x.ExitCode))
	}
	return text
}

// state is a container's, and its exit code once it has exited.
func (k *kubelet) state(id string) string {
	x, err := k.rpc.ContainerStatus(within(), &cri.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		return status.Convert(err).Message()
	}
	s := strings.ToLower(strings.TrimPrefix(x.Status.State.String(), "CONTAINER_"))
	if x.Status.State == cri.ContainerState_CONTAINER_EXITED {
		s = fmt.Sprintf("%s %d", s, x.Status.ExitCode)
	}
	return s
}

// stop stops a container as the kubelet does.
func (k *kubelet) stop(id string, grace int64) {
	_, err := k.rpc.StopContainer(within(), &cri.StopContainerRequest{ContainerId: id, Timeout: grace})
	k.check("stop container", err)
}

// exited waits for a container's end.
func (k *kubelet) exited(id string) string {
	eventually(func() bool { return strings.HasPrefix(k.state(id), "exited") })
	return k.state(id)
}
