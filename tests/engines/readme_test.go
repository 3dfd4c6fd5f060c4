package engines

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minirun/tests/rig"
)

// The blocks of README's "Use it with" are run as they stand, but for the
// paths of minirun and of its reports. alpine is the image of the tests.
const alpine = "docker.io/library/alpine:latest"

// A page is that section, for one test.
type page struct {
	*rig.Rig
	blocks []string
	env    []string // of commands
}

// readme is the section as blocks: lines that are indented, up to one that is not.
func readme(r *rig.Rig) *page {
	r.Helper()
	_, text, ok := strings.Cut(r.Read("../../README.md"), "\n## Use it with\n")
	text, _, end := strings.Cut(text, "\n## ")
	if !ok || !end {
		r.Fatal("README has no such section")
	}
	text = strings.NewReplacer("/usr/local/bin/minirun", r.Runtime.Path, "/var/log/minirun", r.Mkdir("reports")).Replace(text)
	p := &page{Rig: r, env: environ(r)}
	inside := false
	for line := range strings.Lines(text) {
		code, ok := strings.CutPrefix(line, "    ")
		switch {
		case ok && inside:
			p.blocks[len(p.blocks)-1] += code
		case ok:
			p.blocks = append(p.blocks, code)
		}
		inside = ok
	}
	return p
}

// begin are the blocks that begin so, of which there are n.
func (p *page) begin(with string, n int) (list []string) {
	p.Helper()
	for _, b := range p.blocks {
		if strings.HasPrefix(b, with) {
			list = append(list, b)
		}
	}
	if len(list) != n {
		p.Fatalf("README has %d blocks that begin with %q, want %d", len(list), with, n)
	}
	return list
}

// runs runs a block and wants its output to have each of these, in this order.
func (p *page) runs(block string, want ...string) {
	p.Helper()
	cmd := exec.Command("sh", "-ec", block)
	cmd.Env, cmd.Dir = p.env, p.Mkdir("cwd")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("%s%v: %s", block, err, out)
	}
	p.has(block, string(out), want...)
}

func (p *page) has(what, text string, want ...string) {
	p.Helper()
	rest := text
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			p.Errorf("%s: no %q in %.4000s", what, w, text)
			return
		}
		rest = after
	}
}

// report wants a report to have each of these, once it is written to the last.
func (p *page) report(name string, want ...string) {
	p.Helper()
	file, last := p.Path("reports", name), want[len(want)-1]
	eventually(func() bool { text, _ := os.ReadFile(file); return strings.Contains(string(text), last) })
	p.has(name, p.Read(file), want...)
}

// stopped is what README shows of a stop, without the time.
func (p *page) stopped() []string {
	words := strings.Split(strings.TrimSpace(p.begin("kill: SIGTERM", 1)[0]), "\n")
	head, rest, _ := strings.Cut(words[1], ", ")
	_, tail, _ := strings.Cut(rest, " after ")
	return []string{words[0], head, tail, "ended with 137"}
}

// wrap puts a program before another of its name, which adds flags to run.
func (p *page) wrap(path, globals, run string) {
	p.Helper()
	p.Mkdir("bin")
	p.Write("bin/"+filepath.Base(path), fmt.Sprintf(`#!/bin/sh
verb=$1
shift
[ "$verb" != run ] || set -- %s "$@"
exec %s %s "$verb" "$@"
`, run, path, globals), 0o755)
	p.env = append(p.env, "PATH="+p.Path("bin")+":"+os.Getenv("PATH"))
}

func TestReadmeContainerd(t *testing.T) {
	r := rig.New(t)
	p := readme(r)
	c := startContainerd(r, containerd1(r))
	p.env = append(p.env, "CONTAINERD_ADDRESS="+c.address, "CONTAINERD_NAMESPACE="+rig.Marker, "CONTAINERD_SNAPSHOTTER=native")
	s := &session{t: t, r: r, client: []string{c.ctr}, env: p.env}
	s.load(c, makeImage(r, alpine))
	list := p.begin("ctr ", 2)
	p.runs(list[0], "uid=0")
	p.runs(list[1], "minirun-init", "uid=0")
	p.report("c2.txt", "ended with 0")
	p.report("c3.txt", p.stopped()...)
	eventually(func() bool { return s.taskStatus("c3") == "STOPPED" })
	s.removeTask("c3")
	s.must("image", "rm", "--sync", alpine)
}

func TestReadmeDocker(t *testing.T) {
	r := rig.New(t)
	p := readme(r)
	client := startDocker(r, p.begin("{", 1)[0], alpine)
	p.wrap(client[0], strings.Join(client[1:], " "), "--network none --cgroup-parent /"+rig.Marker)
	list := p.begin("docker ", 2)
	p.runs(list[0], "uid=0")
	p.runs(list[1], "web")
	s := &session{t: t, r: r, client: client, env: p.env}
	p.report(s.inspect("web", "Id")+".txt", p.stopped()...)
	s.must("rm", "web")
}

func TestReadmePodman(t *testing.T) {
	r := rig.New(t)
	p := readme(r)
	r.Cleanup(func() { removeCgroups("conmon") })
	etcContainers(r, p.begin("[engine]", 1)[0])
	p.wrap(program(r, "/usr/bin/podman"), fmt.Sprintf("--cgroup-manager cgroupfs --root %s --runroot %s --tmpdir %s --storage-driver vfs",
		r.Path("graph"), r.Path("runroot"), r.Path("libpod")), "--pull never --network none --cgroup-parent /"+rig.Marker)
	p.runs("podman load -q -i " + makeImage(r, alpine))
	list := p.begin("podman ", 2)
	p.runs(list[0], "uid=0", "uid=0")
	p.runs(list[1], "minirun-init", "uid=0", "web")
	p.report("web.txt", "ended with 0")
	p.report("stop.txt", p.stopped()...)
	p.runs("podman rm web")
}

// etcContainers makes a /etc/containers with a containers.conf, beside what
// keeps this podman apart from the machine's.
func etcContainers(r *rig.Rig, conf string) {
	const dir = "/etc/containers"
	r.Helper()
	copied := r.Mkdir("etc")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		r.Fatal(err)
	}
	r.Write("etc/containers.conf", conf, 0o644)
	r.Mkdir("etc/containers.conf.d")
	r.Write("etc/containers.conf.d/test.conf", fmt.Sprintf("[engine]\nlock_type = \"file\"\nevents_logger = \"file\"\n[network]\nnetwork_config_dir = %q\n", r.Path("networks")), 0o644)
	if err := unix.Mount(copied, dir, "", unix.MS_BIND, ""); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			r.Error(err)
		}
	})
}

func TestReadmeKubernetes(t *testing.T) {
	r := rig.New(t)
	p := readme(r)
	p.kubernetes(containerd1(r), p.begin("version = 2", 1)[0])
}

func TestReadmeKubernetes2(t *testing.T) {
	r := rig.New(t)
	p := readme(r)
	p.kubernetes(containerd2(r), p.begin("version = 3", 1)[0])
}

// A manifest is what a kubelet needs of a RuntimeClass or a Pod.
type manifest struct {
	Kind     string
	Handler  string
	Metadata struct {
		Name        string
		Annotations map[string]string
	}
	Spec struct {
		RuntimeClassName string `yaml:"runtimeClassName"`
		Containers       []struct {
			Name, Image string
			Command     []string
		}
	}
}

func (p *page) manifests() (class, pod manifest) {
	p.Helper()
	list := p.begin("apiVersion: ", 2)
	if err := cmp.Or(yaml.Unmarshal([]byte(list[0]), &class), yaml.Unmarshal([]byte(list[1]), &pod)); err != nil {
		p.Fatal(err)
	}
	if class.Kind != "RuntimeClass" || pod.Kind != "Pod" || pod.Spec.RuntimeClassName != class.Metadata.Name {
		p.Fatalf("%+v\n%+v", class, pod)
	}
	return class, pod
}

// kubernetes does what a kubelet does with the manifests.
func (p *page) kubernetes(c server, conf string) {
	r := p.Rig
	class, pod := p.manifests()
	c = startCRI(r, c, conf)
	ctr := &session{t: r, r: r, client: []string{c.ctr, "--address", c.address, "--namespace", "k8s.io"}, env: environ(r)}
	ctr.load(c, makeImage(r, image, alpine))
	k := &kubelet{t: r, r: r, rt: runtime{name: class.Handler}, rpc: cri.NewRuntimeServiceClient(dial(r, c.address))}
	sandbox := k.pod(cri.NamespaceMode_CONTAINER, pod.Metadata.Annotations)
	box := pod.Spec.Containers[0]
	id := sandbox.runs(func(c *cri.ContainerConfig) { c.Image.Image = box.Image + ":latest" }, box.Command...)
	if got := k.exec(id, "cat", "/proc/1/comm"); got != "minirun-init" {
		p.Errorf("PID 1 is %s", got)
	}
	k.stop(id, 30)
	if got := k.state(id); got != "exited 143" {
		p.Errorf("the container has %s", got)
	}
	p.report(id+".html", "<!DOCTYPE html>", "exit code 143")
	p.report(id+".txt", "kill: SIGTERM: predicted consumable", "ended with 143")
	k.close()
	ctr.must("image", "rm", "--sync", image, alpine)
}
