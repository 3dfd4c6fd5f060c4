package bpf

import (
	"github.com/cilium/ebpf/asm"

	"minirun/runtime/observe"
)

// A program is what runs at a tracepoint.
type program struct {
	point string
	emit  func(*code)
}

// programs are all that there are.
var programs = [...]program{
	{"signal_generate", generate},
	{"signal_deliver", deliver},
	{"sched_process_fork", fork},
	{"sched_process_exec", execute},
	{"sched_process_exit", exit},
	{"sched_process_free", free},
	{"cgroup_attach_task", attach},
	{"cgroup_notify_populated", populated},
	{"mark_victim", victim},
}

// assemble makes a program for a kernel, a level and maps.
func (p *program) assemble(k *kernel, level int16, maps mapFDs) asm.Instructions {
	c := &code{kernel: k, level: level, maps: maps}
	p.emit(c)
	c.end()
	return c.Instructions
}

// Bits of signal_struct.flags (include/linux/sched/signal.h).
const (
	signalGroupExit  = 0x04
	signalUnkillable = 0x40
)

// generate: int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result.
// A signal is told when either end of it is in the container.
func generate(c *code) {
	c.begin()
	c.arg(object, 2)
	c.current()
	c.who(actor, actorWho)
	c.who(object, objectWho)
	c.within(actorWho, objectWho)
	c.reserve(observe.Generate, observe.HasResult|observe.HasCode|observe.HasGroup|observe.HasMasks|
		observe.HasHandler|observe.HasTarget, 0)
	c.describe(observe.WireTask, actor, actorWho)
	c.describe(observe.WireTarget, object, objectWho)
	c.copy(observe.WireSignal, args, 0, asm.Byte)
	c.copy(observe.WireResult, args, 8*4, asm.Byte)
	c.arg(asm.R1, 3)
	c.flag(-1, observe.FlagGroup)
	c.copy(observe.WireBlocked, object, c.task.blocked, asm.DWord)
	c.copy(observe.WireRealBlocked, object, c.task.realBlocked, asm.DWord)
	c.receiver(object)
	c.siCode()
	c.disposition()
	c.submit()
}

// deliver: int sig, struct kernel_siginfo *info, struct k_sigaction *ka.
func deliver(c *code) {
	c.begin()
	c.current()
	c.who(actor, actorWho)
	c.within(actorWho)
	c.reserve(observe.Deliver, observe.HasCode|observe.HasHandler|observe.HasTarget, 0)
	c.describe(observe.WireTask, actor, actorWho)
	c.copy(observe.WireSignal, args, 0, asm.Byte)
	c.receiver(actor)
	c.siCode()
	c.arg(asm.R3, 2)
	c.handler()
	c.submit()
}

// receiver writes in what condition the receiver of a signal is.
func (c *code) receiver(task asm.Register) {
	c.follow(asm.R1, task, c.task.signal)
	c.add(asm.LoadMem(asm.R1, asm.R1, c.signal.flags, asm.Word))
	c.flag(signalUnkillable, observe.FlagInit)
	c.flag(signalGroupExit, observe.FlagDying)
	c.add(asm.LoadMem(asm.R1, task, c.task.ptrace, asm.Word))
	c.flag(-1, observe.FlagTraced)
}

// The values of si_code for a signal without siginfo (include/uapi/asm-generic/siginfo.h).
const (
	siUser   = 0
	siKernel = 128
)

// siCode writes si_code. The pointer is SEND_SIG_NOINFO (0) or SEND_SIG_PRIV (1) in most signals.
func (c *code) siCode() {
	private, done := c.label("private"), c.label("code")
	c.arg(asm.R3, 1)
	c.add(asm.JEq.Imm(asm.R3, 0, done)) // SI_USER, which is 0
	c.add(asm.JEq.Imm(asm.R3, 1, private))
	c.read(c.kernel.siCode)
	c.copy(observe.WireCode, asm.RFP, scratch, asm.Word)
	c.add(asm.Ja.Label(done))
	c.add(asm.StoreImm(record, observe.WireCode, siKernel, asm.Word).WithSymbol(private))
	c.here(done)
}

// disposition writes what the target of a signal has arranged for it. The
// signal is an index, so the action's address has to be reckoned.
func (c *code) disposition() {
	c.add(asm.Mov.Reg(asm.R3, object))
	c.read(c.task.sighand)
	c.add(
		asm.LoadMem(asm.R3, asm.RFP, scratch, asm.DWord),
		asm.LoadMem(asm.R1, args, 0, asm.Word),
		asm.Sub.Imm(asm.R1, 1),
		asm.Mul.Imm(asm.R1, int32(c.action.size)),
		asm.Add.Reg(asm.R3, asm.R1),
		asm.Add.Imm(asm.R3, int32(c.action.array)),
	)
	c.handler()
}

// handler writes sa_handler of the struct k_sigaction at r3.
func (c *code) handler() {
	c.read(c.action.handler)
	c.copy(observe.WireHandler, asm.RFP, scratch, asm.DWord)
}
