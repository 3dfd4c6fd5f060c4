package cgroups

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
)

// What systemd speaks: https://dbus.freedesktop.org/doc/dbus-specification.html.
// Values are Go's: byte, bool, int16 to uint64, float64 and string, and the
// types below for the rest. An encoder writes them, a decoder reads them.

type (
	objectPath    string // "o"
	typeSignature string // "g"

	// A structure is "(…)", and as an element of an array also a dict entry "{…}".
	structure []any

	// An array is "a" and the signature of its elements, which may be none.
	array struct {
		element string
		items   []any
	}

	// A variant is "v": a value that says what it is.
	variant struct{ value any }
)

// A property is one of a unit: "(sv)".
type property struct {
	name  string
	value any
}

// signatureOf returns the signature of a value, "" if it is of no type of D-Bus.
func signatureOf(v any) string {
	switch v := v.(type) {
	case byte:
		return "y"
	case bool:
		return "b"
	case int16:
		return "n"
	case uint16:
		return "q"
	case int32:
		return "i"
	case uint32:
		return "u"
	case int64:
		return "x"
	case uint64:
		return "t"
	case float64:
		return "d"
	case string:
		return "s"
	case objectPath:
		return "o"
	case typeSignature:
		return "g"
	case variant:
		return "v"
	case array:
		return "a" + v.element
	case structure:
		s := "("
		for _, field := range v {
			s += signatureOf(field)
		}
		return s + ")"
	}
	return ""
}

// arrayOf makes an array of items that all have the signature element.
func arrayOf[T any](element string, items ...T) array {
	a := array{element: element, items: make([]any, len(items))}
	for i, item := range items {
		a.items[i] = item
	}
	return a
}

// alignment is where in a message a value of the type begins.
func alignment(kind byte) int {
	switch kind {
	case 'n', 'q':
		return 2
	case 'b', 'i', 'u', 's', 'o', 'a':
		return 4
	case 'x', 't', 'd', '(', '{':
		return 8
	}
	return 1
}

// An encoder writes a message, little endian.
type encoder struct{ buf []byte }

func (e *encoder) align(n int) {
	for len(e.buf)%n != 0 {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) u16(n uint16) { e.align(2); e.buf = binary.LittleEndian.AppendUint16(e.buf, n) }
func (e *encoder) u32(n uint32) { e.align(4); e.buf = binary.LittleEndian.AppendUint32(e.buf, n) }
func (e *encoder) u64(n uint64) { e.align(8); e.buf = binary.LittleEndian.AppendUint64(e.buf, n) }

func (e *encoder) text(s string) {
	e.u32(uint32(len(s)))
	e.buf = append(append(e.buf, s...), 0)
}

func (e *encoder) signature(s string) {
	e.buf = append(append(append(e.buf, byte(len(s))), s...), 0)
}

// put writes a value. The types are ours, so that none is unknown.
func (e *encoder) put(v any) {
	switch v := v.(type) {
	case byte:
		e.buf = append(e.buf, v)
	case bool:
		n := uint32(0)
		if v {
			n = 1
		}
		e.u32(n)
	case int16:
		e.u16(uint16(v))
	case uint16:
		e.u16(v)
	case int32:
		e.u32(uint32(v))
	case uint32:
		e.u32(v)
	case int64:
		e.u64(uint64(v))
	case uint64:
		e.u64(v)
	case float64:
		e.u64(math.Float64bits(v))
	case string:
		e.text(v)
	case objectPath:
		e.text(string(v))
	case typeSignature:
		e.signature(string(v))
	case variant:
		e.signature(signatureOf(v.value))
		e.put(v.value)
	case array:
		e.array(v)
	case structure:
		e.align(8)
		for _, field := range v {
			e.put(field)
		}
	}
}

// array: its length does not count the padding before the first element.
func (e *encoder) array(a array) {
	e.u32(0)
	length := len(e.buf) - 4
	e.align(alignment(a.element[0]))
	begin := len(e.buf)
	for _, item := range a.items {
		e.put(item)
	}
	binary.LittleEndian.PutUint32(e.buf[length:], uint32(len(e.buf)-begin))
}

// properties are the a(sv) that systemd's methods take.
func properties(list []property) array {
	a := array{element: "(sv)"}
	for _, p := range list {
		a.items = append(a.items, structure{p.name, variant{p.value}})
	}
	return a
}

// checkText refuses what a message cannot carry.
func checkText(s string) error {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return errors.New("has a NUL byte")
	case strings.ToValidUTF8(s, "") != s:
		return errors.New("is not UTF-8")
	}
	return nil
}
