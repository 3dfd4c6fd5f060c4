package rig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A Container is a bundle with a name, driven through the runtime.
type Container struct {
	*Rig
	ID     string
	Bundle string
	Spec   *specs.Spec
}

// Container writes a bundle with a busybox root file system. The container, if
// the test makes one of it and does not delete it, is deleted in the end.
func (r *Rig) Container(mods ...Mod) *Container {
	r.Helper()
	c := r.Bare(mods...)
	if err := MakeRootfs(c.Rootfs()); err != nil {
		r.Fatal(err)
	}
	return c
}

// Bare is a Container whose root file system is left for the test to make.
func (r *Rig) Bare(mods ...Mod) *Container {
	r.Helper()
	id := ID()
	c := &Container{Rig: r, ID: id, Bundle: r.Mkdir("b" + id[strings.LastIndexByte(id, '-'):]), Spec: Spec(id)}
	c.Edit(mods...)
	r.Cleanup(c.cleanup)
	return c
}

// Rootfs is the directory of the container's root file system.
func (c *Container) Rootfs() string { return filepath.Join(c.Bundle, "rootfs") }

// Edit changes config.json.
func (c *Container) Edit(mods ...Mod) {
	c.Helper()
	for _, m := range mods {
		m(c.Spec)
	}
	if err := WriteBundle(c.Bundle, c.Spec); err != nil {
		c.Fatal(err)
	}
}

// cleanup deletes what is left of the container.
func (c *Container) cleanup() {
	if c.Exists() {
		thaw()
		if x := c.Delete("--force"); x.Code != 0 {
			c.Errorf("delete --force: code %d: %s", x.Code, x.Stderr)
		}
	}
}

// Exists tells whether the runtime keeps anything under the container's name.
func (c *Container) Exists() bool {
	_, err := os.Lstat(filepath.Join(c.Root, c.ID))
	return err == nil
}

// verb is one call with flags before the id, as runc has it.
func (c *Container) verb(name string, flags []string, opts ...Option) Result {
	c.Helper()
	return c.DoWith(opts, append(append([]string{name}, flags...), c.ID)...)
}

// Create calls create.
func (c *Container) Create(flags ...string) Result {
	c.Helper()
	return c.CreateWith(nil, flags...)
}

// CreateWith calls create with options for the process.
func (c *Container) CreateWith(opts []Option, flags ...string) Result {
	c.Helper()
	return c.verb("create", append([]string{"--bundle", c.Bundle}, flags...), opts...)
}

// MustCreate creates the container, or ends the test.
func (c *Container) MustCreate(flags ...string) *Container {
	c.Helper()
	c.Create(flags...).mustSucceed(c.Rig)
	return c
}

// Start calls start.
func (c *Container) Start() Result { c.Helper(); return c.verb("start", nil) }

// MustStart starts the container, or ends the test.
func (c *Container) MustStart() *Container {
	c.Helper()
	c.Start().mustSucceed(c.Rig)
	return c
}

// Kill sends a signal, by whatever spelling.
func (c *Container) Kill(signal ...string) Result {
	c.Helper()
	return c.Do(append([]string{"kill", c.ID}, signal...)...)
}

// Delete calls delete. As an engine does, the rig has reaped the container's
// processes before and reaps them after: a PID namespace ends only when all of
// it is reaped, also what a zombie's parent outside has to wait for.
func (c *Container) Delete(flags ...string) Result {
	c.Helper()
	ReapOrphans()
	defer ReapOrphans()
	return c.verb("delete", flags)
}

// MustDelete deletes the container, or ends the test.
func (c *Container) MustDelete(flags ...string) {
	c.Helper()
	c.Delete(flags...).mustSucceed(c.Rig)
}

// Run runs the container in the foreground; nothing may be left of it, unless
// the runtime was killed.
func (c *Container) Run(flags ...string) Result { c.Helper(); return c.RunWith(nil, flags...) }

// RunWith is Run with options for the process.
func (c *Container) RunWith(opts []Option, flags ...string) Result {
	c.Helper()
	x := c.verb("run", append([]string{"--bundle", c.Bundle}, flags...), opts...)
	if c.Exists() && !x.Killed {
		c.Errorf("run has ended with code %d and left the container's state (stderr: %s)", x.Code, x.Stderr)
	}
	return x
}

// Output runs the container, which must exit 0, and is what it printed.
func (c *Container) Output() string {
	c.Helper()
	x := c.Run()
	x.mustSucceed(c.Rig)
	return strings.TrimSpace(x.Stdout)
}

// State is what `state` prints.
type State struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"`
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     string            `json:"created"`
	Annotations map[string]string `json:"annotations"`
	Owner       string            `json:"owner"`
}

// State calls state, which must succeed.
func (c *Container) State() State {
	c.Helper()
	x := c.OK("state", c.ID)
	var s State
	if err := json.Unmarshal([]byte(x.Stdout), &s); err != nil {
		c.Fatalf("state printed %q: %v", x.Stdout, err)
	}
	return s
}

// Status is the status that `state` prints.
func (c *Container) Status() string { c.Helper(); return c.State().Status }

// Pid is the pid of the init, from state.
func (c *Container) Pid() int {
	c.Helper()
	pid := c.State().Pid
	if pid <= 0 {
		c.Fatalf("state has pid %d", pid)
	}
	return pid
}

// WaitStopped reaps the init, when it is this process's child by now, and
// waits until the runtime calls the container stopped.
func (c *Container) WaitStopped() {
	c.Helper()
	if !Eventually(func() bool { ReapOrphans(); return c.Status() == "stopped" }) {
		c.Fatalf("the container is not stopped but %s", c.Status())
	}
}

// Stop kills the container and waits until it is stopped.
func (c *Container) Stop() {
	c.Helper()
	c.Kill("KILL").mustSucceed(c.Rig)
	c.WaitStopped()
}

// Proc is a file of a process in /proc; nothing when it cannot be read.
func (r *Rig) Proc(pid int, file string) string {
	return r.maybe("/proc/" + strconv.Itoa(pid) + "/" + file)
}

// ProcStatus is a line of /proc/PID/status.
func (r *Rig) ProcStatus(pid int, key string) string {
	return Field(r.Proc(pid, "status"), key)
}

// Field is the value of the line "key: value" in a text such as /proc/PID/status.
func Field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && k == key {
			return strings.Join(strings.Fields(v), " ")
		}
	}
	return ""
}

// Gone waits until a process is no more.
func Gone(pid int) bool {
	return Eventually(func() bool { ReapOrphans(); return unix.Kill(pid, 0) != nil })
}

// OnlyV2 tells that the unified tree is all that the host has.
func OnlyV2() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}

// Cgroup is the container's directory in the hierarchy with a controller, on
// v1 or on v2.
func (c *Container) Cgroup(controller string) string {
	c.Helper()
	dir := "/sys/fs/cgroup/" + controller + c.Spec.Linux.CgroupsPath
	if _, err := os.Stat("/sys/fs/cgroup/" + controller + "/cgroup.procs"); err != nil {
		dir = "/sys/fs/cgroup" + c.Spec.Linux.CgroupsPath
	}
	return dir
}
