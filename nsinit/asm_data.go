package nsinit

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	imageBase  = 0x400000 // of the file's first byte in memory, 64 KiB aligned
	maxData    = 64 << 20 // bytes of data; a plan with more is a mistake
	recordSize = 8        // of a Report
)

// layout is the data segment. It begins with the ELF header, then come the
// cells, which short displacements reach, the Report's record, the blocks in
// the order of their first use, so that addresses used together lie together,
// and at last the blocks of zeros, which take no room in the file.
type layout struct {
	blocks []block
	index  map[*Data]ref
	own    map[*Cell]ref

	cells  uint64 // address of the first cell
	record uint64 // address of the Report to be written

	// From imageBase, the ELF header included: what the file has of the
	// segment, and what memory has of it.
	initialised, size uint64
}

// A block is a Data, or a string.
type block struct {
	data *Data // nil: a string
	text string
	addr uint64
}

func (b *block) size() int {
	if b.data == nil {
		return len(b.text) + 1
	}
	return b.data.size()
}

func (b *block) align() uint64 {
	switch {
	case b.data == nil:
		return 1
	case b.data.Align == 0:
		return 8
	}
	return uint64(b.data.Align)
}

// isZero tells whether a block needs no room in the file.
func (b *block) isZero() bool {
	if b.data == nil {
		return b.text == ""
	}
	return b.data.isZero()
}

// A ref is the index of a block, or, complemented, of a cell of its own.
type ref int32

func (l *layout) init(steps int) {
	l.blocks = make([]block, 0, steps)
	l.index = make(map[*Data]ref, steps)
	l.own = make(map[*Cell]ref)
}

// addr is valid when all is placed.
func (l *layout) addr(r ref) uint64 {
	if r < 0 {
		return l.cells + 4*uint64(^r)
	}
	return l.blocks[r].addr
}

// block returns the ref of a Data.
func (l *layout) block(d *Data) (ref, error) {
	if d == nil {
		return 0, errors.New("data is nil")
	}
	if r, ok := l.index[d]; ok {
		return r, nil
	}
	if err := d.check(); err != nil {
		return 0, err
	}
	r := ref(len(l.blocks))
	l.index[d] = r
	l.blocks = append(l.blocks, block{data: d})
	return r, nil
}

// home returns the ref and the size of what a cell lies in.
func (l *layout) home(c *Cell) (r ref, size int, err error) {
	if c.Data != nil {
		r, err = l.block(c.Data)
		return r, c.Data.size(), err
	}
	r, ok := l.own[c]
	if !ok {
		r = ^ref(len(l.own))
		l.own[c] = r
	}
	return r, 4, nil
}

// text returns the ref of a string, one for equal strings that follow each
// other closely: a path is opened, and opened again when it has been made.
func (l *layout) text(s string) ref {
	for i := len(l.blocks) - 1; i >= max(0, len(l.blocks)-8); i-- {
		if b := &l.blocks[i]; b.data == nil && b.text == s {
			return ref(i)
		}
	}
	l.blocks = append(l.blocks, block{text: s})
	return ref(len(l.blocks) - 1)
}

func (d *Data) size() int { return max(d.Size, len(d.Bytes)) }

func (d *Data) check() error {
	switch d.Align {
	case 0, 1, 2, 4, 8, 16:
	default:
		return fmt.Errorf("data has alignment %d", d.Align)
	}
	if d.Size < 0 || d.Size > maxData || len(d.Bytes) > maxData {
		return fmt.Errorf("data of %d bytes", d.size())
	}
	for _, r := range d.Relocs {
		if r.Off < 0 || r.Off > d.size()-8 {
			return fmt.Errorf("relocation at %d is outside %d bytes of data", r.Off, d.size())
		}
	}
	return nil
}

// place gives every block its address.
func (l *layout) place() error {
	for i := 0; i < len(l.blocks); i++ { // l.blocks grows meanwhile
		d := l.blocks[i].data
		if d == nil {
			continue
		}
		for _, r := range d.Relocs {
			if _, err := l.block(r.To); err != nil {
				return fmt.Errorf("relocation at %d of data %q: %w", r.Off, d.Text, err)
			}
		}
	}
	l.cells = imageBase + headerSize
	l.record = l.cells + 4*uint64(len(l.own))
	end := l.placeBlocks(l.record+recordSize, false)
	l.initialised = end - imageBase
	end = l.placeBlocks(end, true)
	l.size = end - imageBase
	if l.size > maxData {
		return fmt.Errorf("more than %d bytes of data", maxData)
	}
	return nil
}

// placeBlocks returns the address behind the blocks that are zero, or are not.
func (l *layout) placeBlocks(end uint64, zero bool) uint64 {
	for i := range l.blocks {
		b := &l.blocks[i]
		if b.isZero() != zero {
			continue
		}
		b.addr = alignUp(end, b.align())
		end = b.addr + uint64(b.size())
	}
	return end
}

func (d *Data) isZero() bool {
	for _, c := range d.Bytes {
		if c != 0 {
			return false
		}
	}
	return len(d.Relocs) == 0
}

// fill copies the blocks with content to where they are from imageBase on.
func (l *layout) fill(mem []byte) {
	for i := range l.blocks {
		b := &l.blocks[i]
		if b.isZero() {
			continue
		}
		at := mem[b.addr-imageBase:]
		if b.data == nil {
			copy(at, b.text)
			continue
		}
		copy(at, b.data.Bytes)
		for _, r := range b.data.Relocs {
			binary.LittleEndian.PutUint64(at[r.Off:], l.addr(l.index[r.To]))
		}
	}
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
