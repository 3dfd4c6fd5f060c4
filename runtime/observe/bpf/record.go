package bpf

import (
	"github.com/cilium/ebpf/asm"

	"minirun/runtime/observe"
)

// reserve takes room for a record from the ring, of extra bytes more than
// the fixed part, and writes what all records begin with. Without room it counts.
func (c *code) reserve(kind observe.Kind, has observe.Has, extra int32) {
	full := c.label("room")
	c.add(
		asm.LoadMapPtr(asm.R1, c.maps.ring),
		asm.Mov.Imm(asm.R2, observe.WireSize+extra),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JNE.Imm(asm.R0, 0, full),
	)
	c.count(controlLost)
	c.add(asm.Ja.Label("end"))
	c.add(asm.Mov.Reg(record, asm.R0).WithSymbol(full))
	c.zero()
	c.add(asm.FnKtimeGetNs.Call(), asm.StoreMem(record, observe.WireTime, asm.R0, asm.DWord))
	c.add(asm.FnGetSmpProcessorId.Call(), asm.StoreMem(record, observe.WireCPU, asm.R0, asm.Half))
	c.put(observe.WireKind, int64(kind), asm.Byte)
	c.put(observe.WireHas, int64(has|observe.HasCPU), asm.Half)
	c.put(observe.WireOrigin, int64(observe.BPF), asm.Byte)
}

// zero clears a record: what the ring holds is older records.
func (c *code) zero() {
	c.add(asm.Mov.Imm(asm.R1, 0))
	for at := int16(0); at < observe.WireSize; at += 8 {
		c.add(asm.StoreMem(record, at, asm.R1, asm.DWord))
	}
}

// put writes a constant.
func (c *code) put(at int16, value int64, size asm.Size) {
	c.add(asm.StoreImm(record, at, value, size))
}

// copy writes a member of a struct of the kernel into the record; of two sizes the smaller is meant.
func (c *code) copy(at int16, from asm.Register, offset int16, size asm.Size) {
	c.add(asm.LoadMem(asm.R1, from, offset, size), asm.StoreMem(record, at, asm.R1, size))
}

// flag sets bits of the flags in the record if those in r1 are set.
func (c *code) flag(mask int32, f observe.Flags) {
	unset := c.label("unset")
	c.add(asm.Mov.Reg(asm.R2, asm.R1), asm.And.Imm(asm.R2, mask), asm.JEq.Imm(asm.R2, 0, unset))
	c.add(
		asm.LoadMem(asm.R2, record, observe.WireFlags, asm.Half),
		asm.Or.Imm(asm.R2, int32(f)),
		asm.StoreMem(record, observe.WireFlags, asm.R2, asm.Half),
	)
	c.here(unset)
}

// count adds one to a counter of the control block.
func (c *code) count(counter uint32) {
	c.add(
		asm.LoadMapValue(asm.R1, c.maps.control, counter),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
	)
}

// describe writes a task into the record.
func (c *code) describe(at int16, task asm.Register, frame int16) {
	c.copy(at+observe.WirePid, task, c.task.pid, asm.Word)
	c.copy(at+observe.WireTgid, task, c.task.tgid, asm.Word)
	c.copy(at+observe.WireComm, task, c.task.comm, asm.DWord)
	c.copy(at+observe.WireComm+8, task, c.task.comm+8, asm.DWord)
	c.follow(asm.R2, task, c.task.realParent)
	c.copy(at+observe.WireParent, asm.R2, c.task.tgid, asm.Word)
	c.numbers(at, asm.RFP, frame)
}

// numbers writes who a task is into the record.
func (c *code) numbers(at int16, from asm.Register, offset int16) {
	c.copy(at+observe.WireInside, from, offset, asm.DWord)
	c.copy(at+observe.WireDepth, from, offset+8, asm.Word)
}

// textRoom is the size of the largest text of a record, its NUL included.
const textRoom = 256

// text writes the string at r3 behind the record.
func (c *code) text() {
	faulty := c.label("faulty")
	c.add(
		asm.Mov.Reg(asm.R1, record), asm.Add.Imm(asm.R1, observe.WireSize),
		asm.Mov.Imm(asm.R2, textRoom),
		asm.FnProbeReadKernelStr.Call(),
		asm.JSLT.Imm(asm.R0, 1, faulty),
		asm.Sub.Imm(asm.R0, 1), // the NUL
		asm.StoreMem(record, observe.WireTextSize, asm.R0, asm.Word),
	)
	c.here(faulty)
}

// Arguments of the helpers of a ring (include/uapi/linux/bpf.h).
const (
	ringAvailable = 0 // BPF_RB_AVAIL_DATA
	forceWakeup   = 2 // BPF_RB_FORCE_WAKEUP
)

// crossing is how many bytes beyond its mark the ring is said to be crossing
// it: some records, of which two that are reserved at once can step over none.
const crossing = 4096

// submit hands the record over. The kernel wakes the reader when it had read
// all before; and here it is woken when so much waits that it must not wait itself.
func (c *code) submit() {
	quiet := c.label("quiet")
	c.add(
		asm.LoadMapPtr(asm.R1, c.maps.ring), asm.Mov.Imm(asm.R2, ringAvailable), asm.FnRingbufQuery.Call(),
		asm.Mov.Imm(asm.R2, 0),
		asm.Sub.Imm(asm.R0, int32(c.maps.mark)),
		asm.JGE.Imm(asm.R0, crossing, quiet),
		asm.Mov.Imm(asm.R2, forceWakeup),
	)
	c.here(quiet)
	c.add(asm.Mov.Reg(asm.R1, record), asm.FnRingbufSubmit.Call())
}
