package bpf

import (
	"github.com/cilium/ebpf/asm"

	"minirun/runtime/observe"
)

// attach: struct cgroup *dst, const char *path, struct task_struct *task, bool threadgroup.
func attach(c *code) {
	c.begin()
	c.arg(actor, 2)
	c.who(actor, actorWho)
	c.within(actorWho)
	c.arg(asm.R1, 0)
	c.groupKey()
	c.learn()
	c.reserve(observe.Attach, 0, textRoom)
	c.describe(observe.WireTask, actor, actorWho)
	c.arg(asm.R3, 1)
	c.text()
	c.submit()
}

// populated: struct cgroup *cgrp, const char *path, int val. It is told when
// a task of the container is what fills or empties the group, and also when
// another task does, of a group that the container's tasks were moved to.
func populated(c *code) {
	ours := c.label("ours")
	c.begin()
	c.current()
	c.who(actor, actorWho)
	c.add(asm.LoadMem(asm.R1, asm.RFP, actorWho, asm.Word), asm.JNE.Imm(asm.R1, 0, ours))
	c.arg(asm.R1, 0)
	c.groupKey()
	c.lookup(c.maps.groups)
	c.add(asm.JEq.Imm(asm.R0, 0, "end"))
	c.here(ours)
	c.reserve(observe.Populated, observe.HasResult, textRoom)
	c.describe(observe.WireTask, actor, actorWho)
	c.copy(observe.WireResult, args, 8*2, asm.Byte)
	c.arg(asm.R3, 1)
	c.text()
	c.submit()
}

// groupKey makes the key of the group at r1: its number and that of its
// hierarchy, for numbers are counted in each. A pointer would come back with another group.
func (c *code) groupKey() {
	c.follow(asm.R2, asm.R1, c.group.node)
	c.add(asm.LoadMem(asm.R2, asm.R2, c.group.id, asm.DWord), asm.StoreMem(asm.RFP, key, asm.R2, asm.DWord))
	c.follow(asm.R2, asm.R1, c.group.root)
	c.add(asm.LoadMem(asm.R2, asm.R2, c.group.hierarchy, asm.Word), asm.StoreMem(asm.RFP, key+8, asm.R2, asm.DWord))
}

// learn puts the group of the key among the container's.
func (c *code) learn() {
	c.add(
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.RFP, value, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, c.maps.groups),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, value),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
}

// victim: struct task_struct *task, uid_t uid; before 6.9 it was int pid, of
// which no namespace can be known.
func victim(c *code) {
	c.begin()
	if p := c.points["mark_victim"].pointers; len(p) == 0 || !p[0] {
		return
	}
	c.arg(object, 0)
	c.current()
	c.who(actor, actorWho)
	c.who(object, objectWho)
	c.within(objectWho)
	c.reserve(observe.OOM, 0, 0)
	c.describe(observe.WireTask, actor, actorWho)
	c.describe(observe.WireTarget, object, objectWho)
	c.submit()
}
