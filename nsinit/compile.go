package nsinit

import (
	"bytes"
	"fmt"
	"strconv"
	"syscall"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Compile turns a validated config.json and the facts of the host into the
// plan of the container's birth. It is pure: the same input gives the same plan.
func Compile(spec *specs.Spec, f Facts) (*Plan, error) {
	b, err := newBuilder(spec, f)
	if err != nil {
		return nil, err
	}
	if b.spec.Linux == nil {
		b.spec = withLinux(spec)
	}
	b.readNamespaces()
	if err := b.readMounts(); err != nil {
		return nil, err
	}
	b.inherit()
	for _, phase := range []func(){
		b.clone, b.clean, b.namespaces,
		b.rootfs, b.mounts, b.devices, b.console,
		b.join, b.runtimeHooks, b.containerHooks,
		b.sysctls, b.openLabels, b.readonly, b.mask, b.pivot,
		b.identity, b.lookup, b.writeLabels, b.wait, b.dieWithParent, b.keepReport, b.seccomp, b.execve,
	} {
		phase()
		if b.err != nil {
			return nil, b.err
		}
	}
	return b.plan, nil
}

func newBuilder(spec *specs.Spec, f Facts) (*builder, error) {
	abi, err := abiOf(f.Arch)
	if err != nil {
		return nil, err
	}
	b := &builder{spec: spec, facts: f, abi: abi, plan: &Plan{Arch: f.Arch, Steps: make([]Step, 0, 512)}}
	b.pathDirectory = sym(unix.O_PATH|unix.O_CLOEXEC|abi.directory, "O_PATH|O_CLOEXEC|O_DIRECTORY")
	return b, nil
}

func withLinux(spec *specs.Spec) *specs.Spec {
	s := *spec
	s.Linux = &specs.Linux{}
	return &s
}

// builder collects the steps of one plan. The phases are its methods, one
// file each, in the order in which Compile calls them.
type builder struct {
	spec  *specs.Spec
	facts Facts
	abi   abi
	plan  *Plan
	err   error

	ns        namespaceSet
	options   []bundles.MountOptions // of each mount
	fds       map[Role]int           // descriptor numbers of the roles that occur once
	root      *Cell                  // O_PATH descriptor of the container's root
	pts       *Cell                  // the devpts mount, when config.json asks for one
	slave     *Cell                  // the terminal's slave
	prog      Arg                    // path of the program, once it is looked up
	inCwd     *Cell                  // zero once the working directory is entered
	joined    bool                   // the step that waits for the cgroup stands
	frozen    []late                 // mounts that turn read-only when all is in place
	early     bool                   // the stage opens what is bound, before the user namespace
	sources   map[string]*Cell       // what it has opened: "mounts[N]", or the path of a device
	inUser    bool                   // from here on in the container's user namespace
	stdioDone bool                   // the standard streams are the container's user's
	named     bool                   // hostname and domainname are set
	skip      string                 // label after a hierarchy that a user may have no cgroup in
	joining   *Join                  // exec: the container to join

	proc      *Cell      // a procfs that only minirun sees, while it is open
	labelled  []lsmLabel // what security modules want to be told before the execve
	keycreate *Cell      // likewise, before the keyring is made

	label  string // of the next step
	labels int
	cache  []*Data // structures that several steps share
	hows   []openHow

	pathDirectory Arg // flags that open a directory to go on from
}

// late is a mount that becomes read-only at the end of the set-up.
type late struct {
	fd  *Cell
	why string
}

// do appends a step; a pending label goes to it.
func (b *builder) do(why string, op Op) {
	b.plan.Steps = append(b.plan.Steps, Step{Label: b.label, Op: op, Why: why})
	b.label = ""
}

// call appends a system call whose errors all end the plan.
func (b *builder) call(why, name string, args ...Arg) {
	b.do(why, Call{Name: name, Args: args})
}

// open appends a call whose result is a descriptor, and returns its cell.
func (b *builder) open(why, cell, name string, args ...Arg) *Cell {
	c := &Cell{Name: cell}
	b.do(why, Call{Name: name, Args: args, Result: c})
	return c
}

// close ends the group of steps that used the descriptor.
func (b *builder) close(c *Cell) {
	b.call(b.plan.Steps[len(b.plan.Steps)-1].Why, "close", Val{c})
}

// fresh returns a label that no other step has.
func (b *builder) fresh(name string) string {
	b.labels++
	return name + "." + strconv.Itoa(b.labels)
}

// here makes the next step the target of label. Two labels on one step are
// joined by a jump that costs nothing in practice.
func (b *builder) here(label string) {
	if b.label != "" {
		b.do("both ways meet here", Goto{To: label})
	}
	b.label = label
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// shared returns a pointer to a structure, one copy for all steps that want the same bytes.
func (b *builder) shared(d *Data) Arg {
	for _, have := range b.cache {
		if bytes.Equal(have.Bytes, d.Bytes) && have.Text == d.Text {
			return Ptr{Data: have}
		}
	}
	b.cache = append(b.cache, d)
	return Ptr{Data: d}
}

// tolerate lists errnos after which the plan simply goes on.
func tolerate(errnos ...syscall.Errno) []On { return divert("", errnos...) }

// divert lists errnos that lead to a label.
func divert(to string, errnos ...syscall.Errno) []On {
	on := make([]On, len(errnos))
	for i, e := range errnos {
		on[i] = On{Errno: e, To: to}
	}
	return on
}

// abi holds the constants that differ between the architectures.
type abi struct {
	directory, nofollow uint64 // O_DIRECTORY, O_NOFOLLOW
}

func abiOf(arch string) (abi, error) {
	switch arch {
	case "amd64":
		return abi{directory: 0x10000, nofollow: 0x20000}, nil
	case "arm64":
		return abi{directory: 0x4000, nofollow: 0x8000}, nil
	}
	return abi{}, fmt.Errorf("compile plan: architecture %q: %w", arch, unix.ENOTSUP)
}
