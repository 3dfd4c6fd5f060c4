package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"minirun/runtime/observe"
)

// code is a program that is being assembled. In all of them
//
//	r6  the arguments of the tracepoint, 8 bytes each
//	r7  the record, from reserve on
//	r8  the task that does something
//	r9  the task to which it is done
//	fp  who r8 and r9 are in the container's namespace, then scratch
//
// r0 to r5 do not outlive a call.
type code struct {
	*kernel
	asm.Instructions
	level  int16 // of the container's PID namespace, below the kernel's first
	maps   mapFDs
	labels int
}

// mapFDs are the descriptors of the maps.
type mapFDs struct {
	ring, control, zombies, groups int

	mark uint32 // of the ring: Set.mark
}

// The registers with a meaning.
const (
	args   = asm.R6
	record = asm.R7
	actor  = asm.R8
	object = asm.R9
)

// The frame, from its top (which is fp) downwards. Who a task is, is laid out
// as in the record: Inside, Own, Depth, and a word of nothing.
const (
	actorWho  = -16
	objectWho = -32
	scratch   = -40
	key       = -56 // of a map, up to 16 bytes
	value     = -72 // likewise
	dead      = -96 // a value of the map of zombies
	pidLevel  = -104
	pidInode  = -112
	pidNumber = -120
)

// deadSize is the size of what is kept of the dead: who it was, and when it
// began, by which another one with its number is known.
const deadSize = 24

// The control block: the value of an array map, which is memory that the
// helper maps. It is zero until the namespace is known, which none has as its number.
const (
	controlNumber = 0  // u32: inode of the container's PID namespace
	controlParent = 4  // u32: process whose next container is to be watched, while controlNumber is 0
	controlLost   = 8  // u64: records for which the ring had no room
	controlMissed = 16 // u64: zombies that could not be remembered: their Free is not told
	controlSize   = 24
)

func (c *code) add(list ...asm.Instruction) { c.Instructions = append(c.Instructions, list...) }

// label makes a name for a place.
func (c *code) label(what string) string {
	c.labels++
	return fmt.Sprintf("%s%d", what, c.labels)
}

// here puts a label on this place: a jump to the next instruction, which the
// verifier removes.
func (c *code) here(label string) {
	c.add(asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource)}.WithSymbol(label))
}

// arg loads an argument of the tracepoint.
func (c *code) arg(to asm.Register, n int16) { c.add(asm.LoadMem(to, args, 8*n, asm.DWord)) }

// follow loads a pointer through members of structs.
func (c *code) follow(to, from asm.Register, offsets ...int16) {
	for _, off := range offsets {
		c.add(asm.LoadMem(to, from, off, asm.DWord))
		from = to
	}
}

// begin keeps the arguments and ends the program when nothing is watched.
// In r5 is then the control block.
func (c *code) begin() {
	c.add(
		asm.Mov.Reg(args, asm.R1),
		asm.LoadMapValue(asm.R5, c.maps.control, 0),
		asm.LoadMem(asm.R1, asm.R5, controlNumber, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "end"),
	)
}

// end is where programs end.
func (c *code) end() {
	c.add(asm.Mov.Imm(asm.R0, 0).WithSymbol("end"), asm.Return())
}

// current loads the task that runs, which does something.
func (c *code) current() {
	c.add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(actor, asm.R0))
}

// who works out who a task is: by its process's struct pid, which says its
// number in every namespace that it is in. The numbers at the container's
// level are those of the container if the namespace there is the container's;
// nested ones are below it. Nothing else would do: nsproxy is NULL in a task that
// exits, and pid_ns_for_children in it is not the task's own namespace after unshare(2).
func (c *code) who(task asm.Register, frame int16) {
	outside, own, done := c.label("outside"), c.label("own"), c.label("done")
	c.add(asm.Mov.Imm(asm.R0, 0), asm.StoreMem(asm.RFP, frame+8, asm.R0, asm.DWord))
	c.process(task)
	c.add(asm.LoadMem(asm.R2, asm.RFP, pidLevel, asm.DWord), asm.JLT.Imm(asm.R2, int32(c.level), outside))
	c.add(
		asm.LoadMem(asm.R3, asm.RFP, pidInode, asm.DWord),
		asm.LoadMapValue(asm.R4, c.maps.control, 0),
		asm.LoadMem(asm.R4, asm.R4, controlNumber, asm.Word),
		asm.JNE.Reg(asm.R3, asm.R4, outside),
		asm.LoadMem(asm.R0, asm.RFP, pidNumber, asm.DWord),
		asm.StoreMem(asm.RFP, frame, asm.R0, asm.Word),
		asm.StoreMem(asm.RFP, frame+4, asm.R0, asm.Word),
		asm.JEq.Imm(asm.R2, int32(c.level), done),
	)
	c.nested(task, frame)
	c.add(asm.Ja.Label(done))
	// Of a task elsewhere only the number in the first namespace of all is of use.
	c.add(asm.Mov.Imm(asm.R0, 0).WithSymbol(outside), asm.StoreMem(asm.RFP, frame, asm.R0, asm.Word))
	c.add(
		asm.LoadMem(asm.R0, task, c.task.tgid, asm.Word),
		asm.JEq.Imm(asm.R2, 0, own),
		asm.Mov.Imm(asm.R0, observe.Unknown),
		asm.StoreMem(asm.RFP, frame+4, asm.R0, asm.Word).WithSymbol(own),
	)
	c.here(done)
}

// process reads the struct pid of a task's process into the frame: how deep
// it is, and its number and the namespace's at the container's level, if it is
// that deep.
func (c *code) process(task asm.Register) {
	shallow := c.label("shallow")
	at := c.pid.numbers + c.level*c.pid.upid
	c.follow(asm.R1, task, c.task.signal, c.signal.pids+8*pidTypeTgid)
	c.add(
		asm.LoadMem(asm.R2, asm.R1, c.pid.level, asm.Word),
		asm.StoreMem(asm.RFP, pidLevel, asm.R2, asm.DWord),
		asm.JLT.Imm(asm.R2, int32(c.level), shallow),
	)
	if c.pid.single { // the verifier holds the kernel to its declaration
		c.pointer(task)
		c.add(asm.StoreMem(asm.RFP, pidNumber, asm.R3, asm.DWord))
		c.read(at + c.pid.ns)
		c.add(asm.LoadMem(asm.R3, asm.RFP, scratch, asm.DWord))
		c.read(c.pid.nsCommon + c.pid.number)
		c.add(
			asm.LoadMem(asm.R2, asm.RFP, scratch, asm.Word), asm.StoreMem(asm.RFP, pidInode, asm.R2, asm.DWord),
			asm.LoadMem(asm.R3, asm.RFP, pidNumber, asm.DWord),
		)
		c.read(at + c.pid.nr)
		c.add(asm.LoadMem(asm.R2, asm.RFP, scratch, asm.Word))
	} else {
		c.follow(asm.R3, asm.R1, at+c.pid.ns)
		c.add(
			asm.LoadMem(asm.R3, asm.R3, c.pid.nsCommon+c.pid.number, asm.Word), asm.StoreMem(asm.RFP, pidInode, asm.R3, asm.DWord),
			asm.LoadMem(asm.R2, asm.R1, at+c.pid.nr, asm.Word),
		)
	}
	c.add(asm.StoreMem(asm.RFP, pidNumber, asm.R2, asm.DWord))
	c.here(shallow)
}

// pointer loads the address of the struct pid of a task's process into r3, as a number.
func (c *code) pointer(task asm.Register) {
	c.add(asm.Mov.Reg(asm.R3, task))
	c.read(c.task.signal)
	c.add(asm.LoadMem(asm.R3, asm.RFP, scratch, asm.DWord))
	c.read(c.signal.pids + 8*pidTypeTgid)
	c.add(asm.LoadMem(asm.R3, asm.RFP, scratch, asm.DWord))
}

// nested stores Depth and Own of a task in a namespace within the
// container's. How deep is known only now, and the verifier allows no such
// index into a struct of the kernel, but bpf_probe_read_kernel does. In r2 is the level.
func (c *code) nested(task asm.Register, frame int16) {
	c.add(
		asm.Sub.Imm(asm.R2, int32(c.level)),
		asm.StoreMem(asm.RFP, frame+8, asm.R2, asm.Word),
	)
	c.pointer(task)
	c.add(
		asm.LoadMem(asm.R2, asm.RFP, pidLevel, asm.DWord),
		asm.Mul.Imm(asm.R2, int32(c.pid.upid)),
		asm.Add.Reg(asm.R3, asm.R2),
	)
	c.read(c.pid.numbers + c.pid.nr)
	c.add(asm.LoadMem(asm.R0, asm.RFP, scratch, asm.Word), asm.StoreMem(asm.RFP, frame+4, asm.R0, asm.Word))
}

// read fetches 8 bytes at r3 + offset into the scratch word, by which a
// pointer also becomes a number that can be reckoned with.
func (c *code) read(offset int16) {
	c.add(
		asm.Add.Imm(asm.R3, int32(offset)),
		asm.Mov.Imm(asm.R2, 8),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, scratch),
		asm.FnProbeReadKernel.Call(),
	)
}

// within ends the program unless one of these tasks is in the container.
func (c *code) within(frames ...int16) {
	c.add(asm.LoadMem(asm.R1, asm.RFP, frames[0], asm.Word))
	for _, f := range frames[1:] {
		c.add(asm.LoadMem(asm.R2, asm.RFP, f, asm.Word), asm.Or.Reg(asm.R1, asm.R2))
	}
	c.add(asm.JEq.Imm(asm.R1, 0, "end"))
}
