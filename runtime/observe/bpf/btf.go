package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// types is what the kernel says of its own data (Documentation/bpf/btf.rst),
// read as far as the programs need it: where a member of a struct lies, and
// which arguments a tracepoint has. One pass over the 5 MB of a kernel takes
// some milliseconds; a decoder for everything takes a hundred.
type types struct {
	data    []byte
	strings []byte
	at      []uint32 // offset in data of each type, by id; 0 is void
	named   map[string]uint32
}

// The kinds of BTF types that matter here (include/uapi/linux/btf.h).
const (
	kindInt       = 1
	kindPointer   = 2
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindTypedef   = 8
	kindVolatile  = 9
	kindConst     = 10
	kindRestrict  = 11
	kindFuncProto = 13
	kindVar       = 14
	kindDatasec   = 15
	kindDeclTag   = 17
	kindTypeTag   = 18
	kindEnum64    = 19
	lastKind      = kindEnum64
)

const (
	btfMagic   = 0xeb9f
	headerSize = 24
	typeSize   = 12
)

var errBTF = errors.New("not the BTF of a kernel")

// readTypes indexes a BTF blob. Of the names only structs and typedefs are
// kept that wanted accepts; it must not keep the slice.
func readTypes(blob []byte, wanted func(name []byte) bool) (*types, error) {
	if len(blob) < headerSize || binary.LittleEndian.Uint16(blob) != btfMagic {
		return nil, errBTF
	}
	word := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(blob[at:])) }
	head, length := word(4), uint64(len(blob))
	from, end := head+word(8), head+word(8)+word(12)
	names, namesEnd := head+word(16), head+word(16)+word(20)
	if from > end || end > length || names > namesEnd || namesEnd > length {
		return nil, fmt.Errorf("%w: its sections exceed it", errBTF)
	}
	t := &types{data: blob[from:end], strings: blob[names:namesEnd], named: make(map[string]uint32)}
	t.at = append(make([]uint32, 0, len(t.data)/20), 0)
	return t, t.index(wanted)
}

// index finds where each type begins.
func (t *types) index(wanted func([]byte) bool) error {
	for at := 0; at < len(t.data); {
		if at+typeSize > len(t.data) {
			return fmt.Errorf("%w: it ends within a type", errBTF)
		}
		kind, count := t.info(at)
		if kind == kindStruct || kind == kindTypedef {
			if name := t.name(at); wanted(name) {
				t.named[string(name)] = uint32(len(t.at))
			}
		}
		t.at = append(t.at, uint32(at))
		n, ok := tail(kind, count)
		if !ok {
			return fmt.Errorf("%w: a type of kind %d", errBTF, kind)
		}
		at += typeSize + n
	}
	return nil
}

// tail is the size of what follows a type of this kind with count members.
func tail(kind, count int) (int, bool) {
	switch kind {
	case kindInt, kindVar, kindDeclTag:
		return 4, true
	case kindArray:
		return 12, true
	case kindStruct, kindUnion, kindDatasec, kindEnum64:
		return 12 * count, true
	case kindEnum, kindFuncProto:
		return 8 * count, true
	}
	return 0, kind > 0 && kind <= lastKind
}

func (t *types) word(at int) uint32 {
	if at < 0 || at+4 > len(t.data) {
		return 0
	}
	return binary.LittleEndian.Uint32(t.data[at:])
}

// info is the kind of the type at an offset, and its number of members.
func (t *types) info(at int) (kind, count int) {
	info := t.word(at + 4)
	return int(info >> 24 & 31), int(info & 0xffff)
}

// name is the string whose offset stands at an offset.
func (t *types) name(at int) []byte {
	off := t.word(at)
	if uint64(off) >= uint64(len(t.strings)) {
		return nil
	}
	name, _, _ := bytes.Cut(t.strings[off:], []byte{0})
	return name
}

// find is the offset in data of a type by its id, through what qualifies it.
func (t *types) find(id uint32) (at, kind, count int) {
	for range 16 { // a chain of qualifiers is short, unless it is a ring
		if id == 0 || uint64(id) >= uint64(len(t.at)) {
			return 0, 0, 0
		}
		at = int(t.at[id])
		kind, count = t.info(at)
		switch kind {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = t.word(at + 8)
		default:
			return at, kind, count
		}
	}
	return 0, 0, 0
}

// offset is where a member of a struct lies, in bytes; members of anonymous
// structs and unions within count as its own, as in C.
func (t *types) offset(structure, member string) (int, error) {
	off, _, err := t.locate(structure, member)
	return off, err
}

// elements is how many a member of a struct has that is an array; 0 when its
// size is open.
func (t *types) elements(structure, member string) (int, error) {
	_, id, err := t.locate(structure, member)
	if err != nil {
		return 0, err
	}
	at, kind, _ := t.find(id)
	if kind != kindArray {
		return 0, fmt.Errorf("struct %s, member %s: not an array", structure, member)
	}
	return int(t.word(at + typeSize + 8)), nil
}

// locate is the offset and the type of a member.
func (t *types) locate(structure, member string) (off int, id uint32, err error) {
	if off, id, ok := t.member(t.named[structure], member, 4); ok {
		return off, id, nil
	}
	return 0, 0, fmt.Errorf("find struct %s, member %s: the kernel's BTF has none", structure, member)
}

func (t *types) member(id uint32, name string, depth int) (off int, of uint32, ok bool) {
	at, kind, count := t.find(id)
	if kind != kindStruct && kind != kindUnion || depth == 0 {
		return 0, 0, false
	}
	bitfields := t.word(at+4)>>31 != 0 // then the upper byte of an offset is a width
	for m := at + typeSize; count > 0; m, count = m+12, count-1 {
		bits := t.word(m + 8)
		if bitfields {
			bits &= 0xffffff
		}
		switch own := t.name(m); {
		case string(own) == name:
			return int(bits / 8), t.word(m + 4), true
		case len(own) == 0:
			if off, of, ok := t.member(t.word(m+4), name, depth-1); ok {
				return int(bits/8) + off, of, true
			}
		}
	}
	return 0, 0, false
}

// size is the size of a struct in bytes.
func (t *types) size(structure string) (int, error) {
	at, kind, _ := t.find(t.named[structure])
	if kind != kindStruct {
		return 0, fmt.Errorf("find struct %s: the kernel's BTF has none", structure)
	}
	return int(t.word(at + 8)), nil
}

// A tracepoint is where a program is attached.
type tracepoint struct {
	id       uint32 // of the typedef btf_trace_NAME, which bpf(2) wants
	pointers []bool // which of its arguments are pointers
}

// tracepoint finds one by its name (include/trace/bpf_probe.h): the typedef
// is a pointer to a function whose first argument is not the tracepoint's.
func (t *types) tracepoint(name string) (tracepoint, error) {
	id := t.named[tracePrefix+name]
	at, kind, _ := t.find(id)
	if kind == kindPointer {
		at, kind, _ = t.find(t.word(at + 8))
	}
	if kind != kindFuncProto {
		return tracepoint{}, fmt.Errorf("find tracepoint %s: the kernel's BTF has none", name)
	}
	p := tracepoint{id: id}
	_, count := t.info(at)
	for i := 1; i < count; i++ {
		_, kind, _ := t.find(t.word(at + typeSize + 8*i + 4))
		p.pointers = append(p.pointers, kind == kindPointer)
	}
	return p, nil
}

const tracePrefix = "btf_trace_"
