package tracefs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A format is what an event's format file says of it
// (Documentation/trace/events.rst, "Event formats").
type format struct {
	name   string
	id     uint16
	fields []field
}

// A field is where a value lies in an event, or in the head of a page. The
// zero field is one that this kernel has not.
type field struct {
	name         string
	offset, size int
	signed       bool
	array        bool // of characters
	dynamic      bool // __data_loc: where it is, and how long, is in the field
}

// parseFormat reads a format file.
func parseFormat(text []byte) (*format, error) {
	f := &format{}
	for line := range bytes.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		switch key {
		case "name":
			f.name = strings.TrimSpace(value)
		case "ID":
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
			if err != nil {
				return nil, fmt.Errorf("parse format %s: ID: %w", f.name, err)
			}
			f.id = uint16(id)
		}
	}
	var err error
	if f.fields, err = parseFields(text); err != nil {
		return nil, fmt.Errorf("parse format %s: %w", f.name, err)
	}
	if f.name == "" || f.id == 0 {
		return nil, fmt.Errorf("parse format %q: no name or no ID", f.name)
	}
	return f, nil
}

// parseFields reads the lines that begin with field:, in a format file or in header_page.
func parseFields(text []byte) (fields []field, err error) {
	for line := range bytes.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "field:")
		if !ok {
			continue
		}
		f, err := parseField(rest)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", rest, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// parseField reads "char comm[16];	offset:20;	size:16;	signed:0;".
func parseField(text string) (f field, err error) {
	declaration, rest, _ := strings.Cut(text, ";")
	words := strings.Fields(declaration)
	if len(words) < 2 {
		return f, strconv.ErrSyntax
	}
	f.name = words[len(words)-1]
	f.dynamic = words[0] == "__data_loc"
	f.name, _, f.array = strings.Cut(f.name, "[")
	f.array = f.array || f.dynamic
	for _, part := range strings.Split(rest, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 15)
		if err != nil {
			return f, err
		}
		switch key {
		case "offset":
			f.offset = int(n)
		case "size":
			f.size = int(n)
		case "signed":
			f.signed = n != 0
		}
	}
	if f.size == 0 {
		return f, strconv.ErrRange
	}
	return f, nil
}

// field finds a field; the zero field where there is none.
func (f *format) field(name string) field { return fieldOf(f.fields, name) }

func fieldOf(fields []field, name string) field {
	for _, f := range fields {
		if f.name == name {
			return f
		}
	}
	return field{}
}

// number reads a number; 0 where the event is too short for it.
func (f field) number(data []byte) int64 {
	if f.offset+f.size > len(data) {
		return 0
	}
	b := data[f.offset:]
	switch {
	case f.size == 1 && f.signed:
		return int64(int8(b[0]))
	case f.size == 1:
		return int64(b[0])
	case f.size == 2 && f.signed:
		return int64(int16(binary.NativeEndian.Uint16(b)))
	case f.size == 2:
		return int64(binary.NativeEndian.Uint16(b))
	case f.size == 4 && f.signed:
		return int64(int32(binary.NativeEndian.Uint32(b)))
	case f.size == 4:
		return int64(binary.NativeEndian.Uint32(b))
	case f.size == 8:
		return int64(binary.NativeEndian.Uint64(b))
	}
	return 0
}

// text reads characters up to the first NUL, without copying them.
func (f field) text(data []byte) []byte {
	from, size := f.offset, f.size
	if f.dynamic {
		where := uint32(field{offset: f.offset, size: 4}.number(data))
		from, size = int(where&0xffff), int(where>>16)
	}
	if !f.array || size == 0 || from+size > len(data) {
		return nil
	}
	text, _, _ := bytes.Cut(data[from:from+size], []byte{0})
	return text
}
