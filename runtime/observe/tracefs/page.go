package tracefs

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A layout is what events/header_page says of a page of a ring buffer.
type layout struct {
	timestamp, commit field
	data              field
}

func parseLayout(text []byte) (l layout, err error) {
	fields, err := parseFields(text)
	if err != nil {
		return l, fmt.Errorf("parse header_page: %w", err)
	}
	l = layout{timestamp: fieldOf(fields, "timestamp"), commit: fieldOf(fields, "commit"), data: fieldOf(fields, "data")}
	if l.timestamp.size != 8 || l.commit.size < 4 || l.data.size < 16 {
		return l, errors.New("parse header_page: a field is missing")
	}
	return l, nil
}

// size is that of a page, in bytes.
func (l layout) size() int { return l.data.offset + l.data.size }

// Flags beside the length in commit (kernel/trace/ring_buffer.c).
const (
	missedEvents = 1 << 31 // some were overwritten before this page
	missedStored = 1 << 30 // and how many stands behind its last event
	commitMask   = 1<<27 - 1
)

// Kinds of entries (include/linux/ring_buffer.h). Up to 28 it is the length of
// the data in words of 4 bytes, and with 0 the length stands in the first word.
const (
	entryPadding    = 29
	entryTimeExtend = 30
	entryTimeStamp  = 31
)

// unknownLoss is a number of lost events that the kernel did not write down.
const unknownLoss = ^uint64(0)

var errPage = errors.New("decode page: an entry passes its end")

// page goes through the events of a page in order. lost is how many are
// missing before them.
func (l layout) page(page []byte, event func(at int64, data []byte)) (lost uint64, err error) {
	if len(page) < l.data.offset {
		return 0, errPage
	}
	commit := uint32(l.commit.number(page))
	data := page[l.data.offset:]
	size := int(commit & commitMask)
	if size > len(data) {
		return 0, errPage
	}
	lost = lostBefore(commit, data[size:], l.commit.size)
	return lost, entries(uint64(l.timestamp.number(page)), data[:size], event)
}

// lostBefore reads the count, a long, behind the events.
func lostBefore(commit uint32, rest []byte, long int) uint64 {
	switch {
	case commit&missedEvents == 0:
		return 0
	case commit&missedStored == 0 || len(rest) < long:
		return unknownLoss
	}
	return uint64(field{size: long}.number(rest))
}

// entries walks over the entries of a page. Each has its time as a distance
// from the one before.
func entries(at uint64, data []byte, event func(at int64, data []byte)) error {
	for len(data) >= 4 {
		head := binary.NativeEndian.Uint32(data)
		kind, delta := head&31, uint64(head>>5)
		size := 4 * int(kind) // with 28 at most, of the data
		skip := 4             // what stands before the data
		if kind == 0 || kind > 28 {
			if kind == entryPadding && delta == 0 {
				return nil // the rest of the page is empty
			}
			if len(data) < 8 {
				return errPage
			}
			word := uint64(binary.NativeEndian.Uint32(data[4:]))
			switch kind {
			case entryTimeExtend:
				at, data = at+delta+word<<27, data[8:]
				continue
			case entryTimeStamp:
				at, data = delta+word<<27|at&(31<<59), data[8:]
				continue
			}
			size, skip = int(word)-4, 8 // the word counts itself
		}
		if size < 0 || skip+size > len(data) {
			return errPage
		}
		at += delta
		if kind != entryPadding {
			event(int64(at), data[skip:skip+size])
		}
		data = data[skip+size:]
	}
	return nil
}
