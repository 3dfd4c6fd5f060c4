package cgroups

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

var errShort = errors.New("ends too soon")

// maxDepth is the deepest nesting that the specification allows, of arrays and
// structures together.
const maxDepth = 64

// A decoder reads values from a message, and keeps the first error.
type decoder struct {
	buf   []byte
	pos   int
	order binary.ByteOrder
	depth int
	err   error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// take returns the next n bytes, counted from a multiple of align.
func (d *decoder) take(n, align int) []byte {
	begin := (d.pos + align - 1) / align * align
	if d.err != nil || n < 0 || begin > len(d.buf) || n > len(d.buf)-begin {
		d.fail(errShort)
		return nil
	}
	d.pos = begin + n
	return d.buf[begin:d.pos]
}

func (d *decoder) u8() byte {
	if b := d.take(1, 1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if b := d.take(2, 2); b != nil {
		return d.order.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4, 4); b != nil {
		return d.order.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8, 8); b != nil {
		return d.order.Uint64(b)
	}
	return 0
}

// text reads n bytes and the NUL after them.
func (d *decoder) text(n int) string {
	b := d.take(n, 1)
	if end := d.u8(); end != 0 {
		d.fail(errors.New("a string does not end in NUL"))
	}
	return string(b)
}

// value reads one value of the first type in signature, and returns the rest.
func (d *decoder) value(signature string) (v any, rest string) {
	kind, rest := d.split(signature)
	if d.err != nil {
		return nil, ""
	}
	if d.depth++; d.depth > maxDepth {
		d.fail(errors.New("is nested too deep"))
	}
	defer func() { d.depth-- }()
	switch kind[0] {
	case 'y':
		return d.u8(), rest
	case 'b':
		return d.u32() != 0, rest
	case 'n':
		return int16(d.u16()), rest
	case 'q':
		return d.u16(), rest
	case 'i':
		return int32(d.u32()), rest
	case 'u', 'h':
		return d.u32(), rest
	case 'x':
		return int64(d.u64()), rest
	case 't':
		return d.u64(), rest
	case 'd':
		return math.Float64frombits(d.u64()), rest
	case 's':
		return d.text(int(d.u32())), rest
	case 'o':
		return objectPath(d.text(int(d.u32()))), rest
	case 'g':
		return typeSignature(d.text(int(d.u8()))), rest
	case 'v':
		return d.variant(), rest
	case 'a':
		return d.array(kind[1:]), rest
	}
	return d.structure(kind[1 : len(kind)-1]), rest
}

// split cuts the first complete type off a signature.
func (d *decoder) split(signature string) (kind, rest string) {
	n := 0
	for n < len(signature) && signature[n] == 'a' {
		n++
	}
	if n == len(signature) {
		d.fail(fmt.Errorf("signature %q has no type to read", signature))
		return "", ""
	}
	switch c := signature[n]; {
	case strings.IndexByte("ybnqiuhxtdsogv", c) >= 0:
		n++
	case c == '(' || c == '{':
		n = closing(signature, n)
	default:
		n = -1
	}
	if n < 0 {
		d.fail(fmt.Errorf("signature %q is malformed", signature))
		return "", ""
	}
	return signature[:n], signature[n:]
}

// closing returns the index after the bracket that closes the one at i, or -1.
func closing(signature string, i int) int {
	for open := 0; i < len(signature); i++ {
		switch signature[i] {
		case '(', '{':
			open++
		case ')', '}':
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func (d *decoder) variant() variant {
	v, rest := d.value(d.text(int(d.u8())))
	if d.err == nil && rest != "" {
		d.fail(errors.New("a variant holds more than one value"))
	}
	return variant{v}
}

func (d *decoder) array(element string) array {
	a, n := array{element: element}, int(d.u32())
	d.take(0, alignment(element[0]))
	if n > len(d.buf)-d.pos {
		d.fail(errShort)
	}
	for end := d.pos + n; d.err == nil && d.pos < end; {
		item, rest := d.value(element)
		if d.err == nil && (rest != "" || d.pos > end) {
			d.fail(errors.New("an array is malformed"))
		}
		a.items = append(a.items, item)
	}
	return a
}

func (d *decoder) structure(fields string) structure {
	d.take(0, 8)
	if fields == "" {
		d.fail(errors.New("a structure is empty"))
	}
	var s structure
	for d.err == nil && fields != "" {
		var v any
		v, fields = d.value(fields)
		s = append(s, v)
	}
	return s
}
