package bpf

import (
	"github.com/cilium/ebpf/asm"

	"minirun/runtime/observe"
)

// fork: struct task_struct *parent, struct task_struct *child. The first one
// of a container that is expected is how the container becomes known.
func fork(c *code) {
	known := c.label("known")
	c.add(
		asm.Mov.Reg(args, asm.R1),
		asm.LoadMapValue(asm.R5, c.maps.control, 0),
		asm.LoadMem(asm.R1, asm.R5, controlNumber, asm.Word),
		asm.JNE.Imm(asm.R1, 0, known),
	)
	c.expected()
	c.here(known)
	c.arg(actor, 0)
	c.arg(object, 1)
	c.who(actor, actorWho)
	c.who(object, objectWho)
	c.within(objectWho)
	c.reserve(observe.Fork, 0, 0)
	c.describe(observe.WireTask, actor, actorWho)
	c.describe(observe.WireTarget, object, objectWho)
	c.submit()
}

// expected takes a child for the container's init if its parent is the
// process that is to make one, and it is the first in a namespace at the
// level: so the clone itself is in the account. With a stage the child's
// parent is that process too, by CLONE_PARENT. In r5 is the control block.
func (c *code) expected() {
	c.add(
		asm.LoadMem(asm.R4, asm.R5, controlParent, asm.Word),
		asm.JEq.Imm(asm.R4, 0, "end"),
	)
	c.arg(object, 1)
	c.follow(asm.R1, object, c.task.realParent)
	c.add(
		asm.LoadMem(asm.R1, asm.R1, c.task.tgid, asm.Word),
		asm.JNE.Reg(asm.R1, asm.R4, "end"),
	)
	c.process(object)
	c.add(
		asm.LoadMem(asm.R2, asm.RFP, pidLevel, asm.DWord), asm.JNE.Imm(asm.R2, int32(c.level), "end"),
		asm.LoadMem(asm.R2, asm.RFP, pidNumber, asm.DWord), asm.JNE.Imm(asm.R2, 1, "end"),
		asm.LoadMapValue(asm.R5, c.maps.control, 0),
		asm.LoadMem(asm.R2, asm.RFP, pidInode, asm.DWord), asm.StoreMem(asm.R5, controlNumber, asm.R2, asm.Word),
	)
}

// execute: struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm.
func execute(c *code) {
	c.begin()
	c.arg(actor, 0)
	c.who(actor, actorWho)
	c.within(actorWho)
	c.reserve(observe.Exec, 0, textRoom)
	c.describe(observe.WireTask, actor, actorWho)
	c.arg(asm.R3, 2)
	c.follow(asm.R3, asm.R3, c.filename)
	c.text()
	c.submit()
}

// exit: struct task_struct *p, and from 6.14 on bool group_dead.
func exit(c *code) {
	c.begin()
	c.arg(actor, 0)
	c.who(actor, actorWho)
	c.within(actorWho)
	c.follow(object, actor, c.task.realParent)
	c.who(object, objectWho)
	c.reserve(observe.Exit, observe.HasStatus|observe.HasGroupDead, 0)
	c.describe(observe.WireTask, actor, actorWho)
	c.describe(observe.WireTarget, object, objectWho)
	c.status()
	c.submit()
}

// status writes what wait(2) will say (wait_task_zombie of kernel/exit.c), and
// remembers the process until it is freed; that of one thread among others is its own.
func (c *code) status() {
	thread, own, put := c.label("thread"), c.label("own"), c.label("put")
	c.follow(asm.R2, actor, c.task.signal)
	if len(c.points["sched_process_exit"].pointers) > 1 {
		c.add(asm.LoadMem(asm.R1, args, 8, asm.Byte), asm.JEq.Imm(asm.R1, 0, thread))
	} else { // do_exit has counted this thread off
		c.add(asm.LoadMem(asm.R1, asm.R2, c.signal.live, asm.Word), asm.JNE.Imm(asm.R1, 0, thread))
	}
	c.put(observe.WireFlags, int64(observe.FlagGroupDead), asm.Half)
	c.remember()
	c.follow(asm.R2, actor, c.task.signal)
	c.add(
		asm.LoadMem(asm.R1, asm.R2, c.signal.flags, asm.Word),
		asm.And.Imm(asm.R1, signalGroupExit),
		asm.JEq.Imm(asm.R1, 0, own),
		asm.LoadMem(asm.R1, asm.R2, c.signal.groupExitCode, asm.Word),
		asm.Ja.Label(put),
	)
	c.here(own)
	c.follow(asm.R2, actor, c.task.groupLeader)
	c.add(asm.LoadMem(asm.R1, asm.R2, c.task.exitCode, asm.Word), asm.Ja.Label(put))
	c.add(asm.LoadMem(asm.R1, actor, c.task.exitCode, asm.Word).WithSymbol(thread))
	c.add(asm.StoreMem(record, observe.WireStatus, asm.R1, asm.Word).WithSymbol(put))
}

// remember stores who has died: when it is freed, the kernel itself has forgotten.
func (c *code) remember() {
	stored := c.label("stored")
	c.move(dead, asm.RFP, actorWho)
	c.move(dead+8, asm.RFP, actorWho+8)
	c.follow(asm.R2, actor, c.task.groupLeader)
	c.move(dead+16, asm.R2, c.task.startTime)
	c.add(
		asm.LoadMem(asm.R1, actor, c.task.tgid, asm.Word), asm.StoreMem(asm.RFP, key, asm.R1, asm.Word),
		asm.LoadMapPtr(asm.R1, c.maps.zombies),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, dead),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.JEq.Imm(asm.R0, 0, stored),
	)
	c.count(controlMissed)
	c.here(stored)
}

// move copies 8 bytes into the frame.
func (c *code) move(to int16, from asm.Register, offset int16) {
	c.add(asm.LoadMem(asm.R1, from, offset, asm.DWord), asm.StoreMem(asm.RFP, to, asm.R1, asm.DWord))
}

// free: struct task_struct *p, in whatever task runs when an RCU period is over.
// A thread that is not the leader is not told.
func free(c *code) {
	c.begin()
	c.arg(actor, 0)
	c.add(
		asm.LoadMem(asm.R1, actor, c.task.tgid, asm.Word),
		asm.LoadMem(asm.R2, actor, c.task.pid, asm.Word),
		asm.JNE.Reg(asm.R1, asm.R2, "end"),
		asm.StoreMem(asm.RFP, key, asm.R1, asm.Word),
	)
	c.lookup(c.maps.zombies)
	c.add(asm.JEq.Imm(asm.R0, 0, "end"), asm.Mov.Reg(object, asm.R0))
	for at := int16(0); at < deadSize; at += 8 {
		c.move(dead+at, object, at)
	}
	c.add(
		asm.LoadMapPtr(asm.R1, c.maps.zombies),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key),
		asm.FnMapDeleteElem.Call(),
		asm.LoadMem(asm.R1, actor, c.task.startTime, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, dead+16, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "end"),
	)
	c.reserve(observe.Free, 0, 0)
	c.copy(observe.WireTask+observe.WirePid, actor, c.task.pid, asm.Word)
	c.copy(observe.WireTask+observe.WireTgid, actor, c.task.tgid, asm.Word)
	c.copy(observe.WireTask+observe.WireComm, actor, c.task.comm, asm.DWord)
	c.copy(observe.WireTask+observe.WireComm+8, actor, c.task.comm+8, asm.DWord)
	c.numbers(observe.WireTask, asm.RFP, dead)
	c.submit()
}

// lookup finds the value of the key in the frame, in r0.
func (c *code) lookup(fd int) {
	c.add(
		asm.LoadMapPtr(asm.R1, fd),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
	)
}
