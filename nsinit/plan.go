package nsinit

import "syscall"

// A Plan is the birth of a container: the system calls, in order, that take
// a freshly cloned process to the user's execve. It is plain data. Every
// decision is taken before a Plan exists; a Plan runs forward.
type Plan struct {
	Arch  string // GOARCH of the image: "amd64" or "arm64"
	Steps []Step
	// Report is the descriptor on which the image writes a Report for each
	// mark and for the step that failed. It is close-on-exec, so end-of-file
	// without a failure means that execve succeeded.
	Report int
	// Inherit says what the image finds at each descriptor number.
	Inherit []Inherit
	// Clone holds the CLONE_* flags of minirun's own fork. It is zero when
	// the plan is staged: then a step of the plan clones the final process.
	Clone uintptr
	// Staged is set when the image is started in the host's namespaces and
	// clones the final process itself; the Mark "stage" carries its pid.
	Staged bool
	// AwaitsGroup is set when the image waits for minirun once more: until its
	// cgroup is there, and then until it is in it.
	AwaitsGroup bool
	// Listener is set when the image sends the descriptor of its seccomp
	// listener along with a report, by SCM_RIGHTS: the Report descriptor has to
	// be a socket by then.
	Listener bool
	// Init is the built-in init, a plan of its own that this one ends in
	// (RoleInit); nil without --init.
	Init *Plan
	// First is the number of the first step in reports. An Init counts on
	// from the plan that ends in it.
	First int
}

// Inherit is one descriptor that minirun passes to the image.
type Inherit struct {
	Role Role
	Path string // of the namespace, for RoleNamespace
	N    int    // of the preserved descriptor or of the mount
}

// Role is what an inherited descriptor is for.
type Role string

// The roles of inherited descriptors.
const (
	RoleStdio     Role = "stdio"     // N is 0, 1 or 2
	RolePreserved Role = "preserved" // N is its number
	RoleReport    Role = "report"    // write end; see Plan.Report
	RoleSync      Role = "sync"      // read end: a byte lets the image go on, end-of-file ends it
	RoleListen    Role = "listen"    // the start socket, listening
	RoleConsole   Role = "console"   // socket that takes the terminal's master
	RoleCreating  Role = "creating"  // memfd: the state for createContainer hooks
	RoleCreated   Role = "created"   // memfd: the state for startContainer hooks
	RoleOutput    Role = "output"    // memfd: what hooks inside the container print
	RoleNamespace Role = "namespace" // Path is joined by setns
	RoleIDMap     Role = "idmap"     // user namespace whose mappings mounts[N] has
	RoleMount     Role = "mount"     // detached mount that minirun made for mounts[N]
	RoleJoin      Role = "join"      // exec: pidfd of the init whose container is joined
	RoleCgroup    Role = "cgroup"    // exec: the container's cgroup, for CLONE_INTO_CGROUP
	RoleCgroupNS  Role = "cgroupns"  // exec: the cgroup namespace of a container with a user namespace
	RoleRoot      Role = "root"      // exec: root directory of a container without a mount namespace
	RoleInit      Role = "init"      // image of Plan.Init
)

// A Step is one operation, what it is called when another step jumps to it,
// and the reason that it is there.
type Step struct {
	Label string // jump target; empty when nothing jumps here
	Op    Op
	Why   string
}

// An Op is a Call, If, Goto, Set, Fail, Mark or Host.
type Op interface{ op() }

// Call is one system call, by the name in the kernel's table. A result in
// [-4095, -1] is an error: the first On with its errno says where to go, and
// without one the image reports the step with its errno and exits.
type Call struct {
	Name   string
	Args   []Arg
	Result *Cell  // receives the low 32 bits of the result, errors that On tolerates included; nil drops it
	OK     string // where success goes; empty is the next step
	On     []On
}

// On sends one errno of a Call to a label; an empty label is the next step.
type On struct {
	Errno syscall.Errno
	To    string
}

// If goes to a label when (Cell & Mask) compares to Value; a zero Mask is
// all ones. The comparison is of signed 32-bit numbers.
type If struct {
	Cell  *Cell
	Mask  uint32
	Cmp   Cmp
	Value Arg // Const or Val
	To    string
}

// Cmp is the relation of an If.
type Cmp string

// The relations of an If.
const (
	Eq Cmp = "=="
	Ne Cmp = "!="
	Lt Cmp = "<"
	Ge Cmp = ">="
)

// Goto goes to a label.
type Goto struct{ To string }

// Set stores A, or A Fn B, in a cell. An address fits: the image lies below 2 GiB.
type Set struct {
	Cell *Cell
	A    Arg
	Fn   Fn // empty: just A
	B    Arg
}

// Fn is the 32-bit arithmetic of a Set.
type Fn string

// The arithmetic of a Set.
const (
	Add Fn = "+"
	And Fn = "&"
	Or  Fn = "|"
	Shl Fn = "<<"
	Shr Fn = ">>" // logical
	Sub Fn = "-"
)

// Fail reports its own step with Errno and exits. Message, when set, is what
// the user reads in place of the errno's text.
type Fail struct {
	Errno   syscall.Errno
	Message string
}

// Mark reports to minirun that the plan came here, with a value that is not
// negative (a pid, a wait status, or 0).
type Mark struct {
	Name  string
	Value Arg
}

// The names of marks.
const (
	MarkUser    = "user"    // staged: minirun maps the ids of the user namespace now, or checks those it has
	MarkTime    = "time"    // staged: minirun sets the offsets of the time namespace now
	MarkStage   = "stage"   // staged: the value is the final process's pid, as minirun sees it
	MarkHooks   = "hooks"   // minirun runs the hooks of the runtime namespace now
	MarkHook    = "hook"    // a hook inside the container ended with this wait status
	MarkReady   = "ready"   // created: the next step waits in accept
	MarkStarted = "started" // start was called
)

// Host is done by minirun, not by the image; it stands in the plan because
// the order is the plan's. Text is in strace's notation, or a short phrase.
type Host struct{ Text string }

func (Call) op() {}
func (If) op()   {}
func (Goto) op() {}
func (Set) op()  {}
func (Fail) op() {}
func (Mark) op() {}
func (Host) op() {}

// An Arg is a Const, a Val, a Ptr or a Str.
type Arg interface{ arg() }

// Const is a number, with the text that a reader expects for it ("AT_FDCWD");
// an empty Text prints the number.
type Const struct {
	V    uint64
	Text string
}

// Val is what a cell holds, sign-extended to 64 bits.
type Val struct{ Cell *Cell }

// Ptr is the address of a byte of Data.
type Ptr struct {
	Data *Data
	Off  int
}

// Str is the address of a NUL-terminated copy of a string.
type Str string

func (Const) arg() {}
func (Str) arg()   {}
func (Val) arg()   {}
func (Ptr) arg()   {}

// Data is a block of the image's data segment: Bytes, then zeros up to Size,
// with addresses of other blocks patched in. Two Ptrs to one *Data are one block.
type Data struct {
	Bytes  []byte
	Size   int // total size when larger than len(Bytes)
	Align  int // 1, 2, 4, 8 or 16; zero is 8
	Relocs []Reloc
	Text   string // how plan prints a pointer to it; empty for a string or an array of strings
}

// Reloc patches the 64-bit address of To at offset Off.
type Reloc struct {
	Off int
	To  *Data
}

// Cell is a 32-bit variable: its own, or a field inside a Data block, so that
// a result can land in the middle of a structure (a cmsg, a pollfd).
type Cell struct {
	Name string
	Data *Data // nil: a cell of its own
	Off  int
}

// Report is what the image writes on Plan.Report: native endian, 8 bytes.
type Report struct {
	Step  uint32 // Plan.First + index into Plan.Steps
	Value int32  // a negative errno when the step failed, else the value of a Mark
}

// At is the step that a Report names, of the plan or of its Init.
func (p *Plan) At(n int) (s Step, ok bool) {
	switch n -= p.First; {
	case n < 0:
		return Step{}, false
	case n < len(p.Steps):
		return p.Steps[n], true
	case p.Init != nil:
		return p.Init.At(n + p.First)
	}
	return Step{}, false
}

// Len is the number of steps, those of the Init included.
func (p *Plan) Len() int {
	if p.Init == nil {
		return len(p.Steps)
	}
	return len(p.Steps) + p.Init.Len()
}

// FailAt makes the call at a step fail with errno, as if the kernel had said
// so: the plan goes where its On sends that errno, or ends with a report. It is
// for tests; other operations than calls stay as they are.
func (p *Plan) FailAt(step int, errno syscall.Errno) {
	c, ok := p.Steps[step].Op.(Call)
	if !ok {
		return
	}
	for _, on := range c.On {
		if on.Errno == errno {
			// The result, if anyone wants it, is the error, which -1 is as well as any.
			p.Steps[step].Op = Call{Name: "close", Args: []Arg{Const{V: ^uint64(0)}}, Result: c.Result,
				On: []On{{Errno: syscall.EBADF, To: on.To}}}
			return
		}
	}
	p.Steps[step].Op = Fail{Errno: errno}
}
