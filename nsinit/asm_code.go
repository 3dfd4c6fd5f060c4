package nsinit

import (
	"errors"
	"math/bits"
)

// A codeBuffer collects machine code in which the jumps are still missing: their
// sizes depend on distances, which depend on their sizes.
type codeBuffer struct {
	buf    []byte
	jumps  []jump
	places []place // of each target
	closed bool    // nothing can come here but by a target that is yet to be marked
}

// A target is something to jump to, an index in codeBuffer.places.
type target int32

// A place is an offset in codeBuffer.buf and the number of jumps before it.
type place struct{ off, jumps int32 }

type jump struct {
	off  int32 // in codeBuffer.buf
	to   target
	cond cond
	long bool
}

func (c *codeBuffer) code() *codeBuffer { return c }

func (c *codeBuffer) jump(cond cond, to target) {
	c.jumps = append(c.jumps, jump{off: int32(len(c.buf)), to: to, cond: cond})
	c.closed = cond == always
}

func (c *codeBuffer) newTarget() target {
	c.places = append(c.places, place{})
	return target(len(c.places) - 1)
}

// mark puts a target here.
func (c *codeBuffer) mark(t target) {
	c.places[t] = place{int32(len(c.buf)), int32(len(c.jumps))}
	c.closed = false
}

// errTooLarge cannot happen below some 30,000 steps.
var errTooLarge = errors.New("code is too large for its jumps")

// finish sets the jumps in. All begin short, and those that do not reach grow
// until none is left that does not: growing is never taken back, so this ends.
func (c *codeBuffer) finish(e encoder) ([]byte, error) {
	before := make([]int32, len(c.jumps)+1) // size of the jumps before each
	for again := true; again; {
		c.measure(e, before)
		again = false
		for i := range c.jumps {
			j := &c.jumps[i]
			if e.fits(c.distance(i, before), j.long) {
				continue
			}
			if j.long {
				return nil, errTooLarge
			}
			j.long, again = true, true
		}
	}
	c.open(e, before)
	return c.buf, nil
}

// open makes room for the jumps, from the last to the first, and fills it.
func (c *codeBuffer) open(e encoder, before []int32) {
	end := len(c.buf)
	c.buf = append(c.buf, make([]byte, before[len(c.jumps)])...)
	for i := len(c.jumps) - 1; i >= 0; i-- {
		j := &c.jumps[i]
		copy(c.buf[j.off+before[i+1]:], c.buf[j.off:end])
		e.appendJump(c.buf[:j.off+before[i]], j.cond, j.long, c.distance(i, before))
		end = int(j.off)
	}
}

func (c *codeBuffer) measure(e encoder, before []int32) {
	sum := int32(0)
	for i := range c.jumps {
		before[i] = sum
		sum += int32(e.jumpSize(c.jumps[i].cond, c.jumps[i].long))
	}
	before[len(c.jumps)] = sum
}

// distance is from the start of jump i to its target.
func (c *codeBuffer) distance(i int, before []int32) int {
	j := &c.jumps[i]
	p := c.places[j.to]
	return int(p.off + before[p.jumps] - j.off - before[i])
}

// registers is what an encoder knows of its registers as it goes: constants
// that need not be loaded again, or from which the next one is not far.
type registers struct {
	holds [32]uint64
	known uint32 // set of registers
	fixed uint32 // those that hold for the whole plan
}

func (r *registers) learn(reg byte, v uint64) {
	r.holds[reg] = v
	r.known |= 1 << reg
}

func (r *registers) lose(reg byte) { r.known &^= 1 << reg }

func (r *registers) forget() { r.known = r.fixed }

// has reports whether reg is known to hold v.
func (r *registers) has(reg byte, v uint64) bool {
	return r.known&(1<<reg) != 0 && r.holds[reg] == v
}

// near finds a register whose distance to v is in [low, high], best 0.
func (r *registers) near(v uint64, low, high int64) (reg byte, disp int64, ok bool) {
	for set := r.known; set != 0; set &= set - 1 {
		i := byte(bits.TrailingZeros32(set))
		d := int64(v - r.holds[i])
		if d == 0 {
			return i, 0, true
		}
		if low <= d && d <= high && !ok {
			reg, disp, ok = i, d, true
		}
	}
	return reg, disp, ok
}
