package nsinit

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// seccompData is struct seccomp_data: what a filter sees of a system call.
type seccompData struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

func (d *seccompData) word(offset uint32) (uint32, bool) {
	switch {
	case offset == dataNr:
		return d.nr, true
	case offset == dataArch:
		return d.arch, true
	case offset < dataArgs || offset >= dataArgs+48 || offset%4 != 0:
		return 0, false
	}
	arg := d.args[(offset-dataArgs)/8]
	return uint32(arg >> (8 * (offset & 4))), true
}

// interpret runs a program of classic BPF as the kernel's seccomp_check_filter
// would let it: loads of words, masks, jumps and returns of constants.
// It counts the instructions that it takes.
func interpret(program []byte, d *seccompData) (action uint32, steps int, err error) {
	var a uint32
	n := len(program) / 8
	for pc := 0; pc < n; pc++ {
		steps++
		in := program[8*pc:]
		code, jt, jf, k := binary.LittleEndian.Uint16(in), int(in[2]), int(in[3]), binary.LittleEndian.Uint32(in[4:])
		holds := false
		switch code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			v, ok := d.word(k)
			if !ok {
				return 0, steps, fmt.Errorf("instruction %d loads offset %d", pc, k)
			}
			a = v
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= k
			continue
		case unix.BPF_RET | unix.BPF_K:
			return k, steps, nil
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(k)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ:
			holds = a == k
		case unix.BPF_JMP | unix.BPF_JGT:
			holds = a > k
		case unix.BPF_JMP | unix.BPF_JGE:
			holds = a >= k
		case unix.BPF_JMP | unix.BPF_JSET:
			holds = a&k != 0
		default:
			return 0, steps, fmt.Errorf("instruction %d has code %#x", pc, code)
		}
		if holds {
			pc += jt
		} else {
			pc += jf
		}
	}
	return 0, steps, fmt.Errorf("the program's end is reached")
}

// checkFilter is what the kernel demands of a program before it runs it
// (bpf_check_classic, net/core/filter.c): every jump leads inside, and every
// path ends in a return.
func checkFilter(program []byte) error {
	n := len(program) / 8
	if n == 0 || n > unix.BPF_MAXINSNS || len(program)%8 != 0 {
		return fmt.Errorf("%d bytes", len(program))
	}
	for pc := range n {
		in := program[8*pc:]
		code, jt, jf, k := binary.LittleEndian.Uint16(in), int(in[2]), int(in[3]), binary.LittleEndian.Uint32(in[4:])
		far := 0
		switch {
		case code == unix.BPF_JMP|unix.BPF_JA:
			far = int(k)
		case code&7 == unix.BPF_JMP:
			far = max(jt, jf)
		}
		if pc+1+far >= n && code != unix.BPF_RET|unix.BPF_K {
			return fmt.Errorf("instruction %d of %d leads outside", pc, n)
		}
	}
	return nil
}
