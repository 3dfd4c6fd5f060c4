package nsinit

import "syscall"

// A lowering turns the steps of a linked plan into machine code.
//
// A failing step must tell its number without spending code on the path that
// succeeds. It jumps to its entry in the sled, a run of "count n steps back"
// that falls through to the report, so that an entry costs one short
// instruction. On amd64 the sled is cut into islands between the steps: a
// jump of 2 bytes reaches them, where the far end of the code takes 6.
type lowering struct {
	*program
	encoder
	pending []int  // failing steps whose entries are yet to be placed
	oldest  int    // where the first pending step jumps from
	last    int    // the step of the entry placed last; -1 when there is none
	sled    target // where the sled goes on after the entry of last
}

// lower appends the code of a plan to file.
func lower(prog *program, file []byte) ([]byte, error) {
	n := len(prog.plan.Steps)
	l := &lowering{program: prog, encoder: prog.machine.encoder(), last: -1}
	c := l.code()
	c.buf = file
	c.jumps = make([]jump, 0, n+n/2+8)
	c.places = make([]place, 2*n, 2*n+n/2+8)
	l.begin(prog.cells)
	for i := range prog.plan.Steps {
		l.step(i)
	}
	l.end()
	return c.finish(l.encoder)
}

// Target i is step i, and target n+i its entry in the sled.
func (l *lowering) failure(i int) target {
	c := l.code()
	if len(l.pending) == 0 {
		l.oldest = len(c.buf)
	}
	if n := len(l.pending); n == 0 || l.pending[n-1] != i {
		l.pending = append(l.pending, i)
	}
	return target(len(l.plan.Steps) + i)
}

func (l *lowering) step(i int) {
	if limit := l.islandAfter(); limit > 0 && len(l.pending) > 0 && len(l.code().buf)-l.oldest > limit {
		l.island(i)
	}
	l.code().mark(target(i))
	s := &l.plan.Steps[i]
	if s.Label != "" {
		l.forget() // whoever jumps here has other things in its registers
	}
	o, to := l.operands(i), l.targets(i)
	switch op := s.Op.(type) {
	case Call:
		l.call(i, op, o, to)
	case If:
		l.test(op, o)
		l.jump(op.Cmp.cond(), to[0])
	case Goto:
		l.follow(i, to[0])
	case Set:
		l.set(op, o)
	case Fail:
		l.fail(i, op.Errno)
	case Mark:
		l.reportMark(i, o.arg(op.Value))
	}
}

func (l *lowering) call(i int, op Call, o operands, to []target) {
	for k, a := range op.Args {
		l.arg(k, o.arg(a))
	}
	l.syscall(l.number(i))
	if op.Result != nil {
		l.store(o.cell(op.Result).v)
	}
	for k, on := range op.On {
		l.compareResult(-int64(on.Errno))
		l.jump(equal, to[1+k])
	}
	l.compareErrors()
	l.jump(failed, l.failure(i))
	l.follow(i, to[0])
}

// test compares a cell as an If wants it.
func (l *lowering) test(op If, o operands) {
	l.load(o.cell(op.Cell))
	if op.Mask != 0 && op.Mask != ^uint32(0) {
		l.apply(And, number(uint64(op.Mask)))
	}
	l.compare(o.arg(op.Value))
}

func (c Cmp) cond() cond {
	switch c {
	case Eq:
		return equal
	case Ne:
		return notEqual
	case Lt:
		return less
	}
	return greaterEqual
}

func (l *lowering) set(op Set, o operands) {
	l.load(o.arg(op.A))
	if op.Fn != "" {
		l.apply(op.Fn, o.arg(op.B))
	}
	l.store(o.cell(op.Cell).v)
}

func (l *lowering) fail(i int, errno syscall.Errno) {
	l.load(number(uint64(-int64(errno))))
	l.jump(always, l.failure(i))
}

// reportMark fails its step unless the report goes out whole. A pipe or a
// socket takes 8 bytes whole or not at all.
func (l *lowering) reportMark(i int, value operand) {
	l.load(number(uint64(l.plan.First + i)))
	l.store(l.record)
	l.load(value)
	l.store(l.record + 4)
	l.writeRecord()
	l.compareResult(recordSize)
	l.jump(notEqual, l.failure(i))
}

func (l *lowering) writeRecord() {
	l.arg(0, number(uint64(l.plan.Report)))
	l.arg(1, number(l.record))
	l.arg(2, number(recordSize))
	l.syscall(l.machine.write)
}

func (l *lowering) jump(c cond, to target) { l.code().jump(c, to) }

// follow jumps from step i to a step unless it is the next one.
func (l *lowering) follow(i int, to target) {
	if to != target(i+1) {
		l.jump(always, to)
	}
}

// island places the pending entries of the sled before step i.
func (l *lowering) island(i int) {
	if !l.code().closed {
		l.jump(always, target(i))
	}
	l.entries()
	l.sled = l.code().newTarget()
	l.jump(always, l.sled)
}

// entries places the pending entries of the sled. An entry stands after its
// own count, which is for the steps before it.
func (l *lowering) entries() {
	if l.last >= 0 {
		l.code().mark(l.sled)
	}
	for _, i := range l.pending {
		if l.last >= 0 {
			l.countBack(i - l.last)
		}
		l.code().mark(target(len(l.plan.Steps) + i))
		l.last = i
	}
	l.pending = l.pending[:0]
}

// end closes the code: a trap, should a seccomp filter make the last execve
// or exit_group return, the end of the sled, and the report of a failure. The
// report cannot keep the image alive: a pipe or socket has room for thousands
// of these before it blocks, and once the reader is gone the write fails, or
// SIGPIPE ends the image where it does not go on to exit_group.
func (l *lowering) end() {
	l.trap()
	if len(l.pending) == 0 && l.last < 0 {
		return
	}
	l.entries()
	l.forget()
	l.store(l.record + 4)
	l.storeStep(l.record, l.plan.First+l.last)
	l.writeRecord()
	l.arg(0, number(1))
	l.syscall(l.machine.exitGroup)
	l.trap()
}
