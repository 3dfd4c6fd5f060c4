package nsinit

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// num is a number that prints as itself.
func num(v int) Arg {
	if v == 0 {
		return zero
	}
	return Const{V: uint64(int64(v))}
}

// sym is a number that prints as its name.
func sym(v uint64, text string) Arg { return Const{V: v, Text: text} }

// octal is a file mode.
func octal(v uint32) Arg { return Const{V: uint64(v), Text: "0" + strconv.FormatUint(uint64(v), 8)} }

// Arguments that many steps have are made once: a plan is compiled at every
// start of a container, and memory that is never touched costs no page fault.
var (
	null    Arg = Const{Text: "NULL"}
	atFDCWD Arg = Const{V: ^uint64(99), Text: "AT_FDCWD"} // -100
	empty   Arg = Str("")
	zero    Arg = Const{}
)

// str is a NUL-terminated string.
func str(s string) Arg {
	if s == "" {
		return empty
	}
	return Str(s)
}

// cString is a NUL-terminated string that other data point to.
func cString(s string) *Data { return &Data{Bytes: append([]byte(s), 0), Align: 1} }

// words is a structure of 64-bit fields, in the byte order of both architectures.
func words(text string, fields ...uint64) *Data {
	b := make([]byte, 0, 8*len(fields))
	for _, f := range fields {
		b = binary.LittleEndian.AppendUint64(b, f)
	}
	return &Data{Bytes: b, Text: text}
}

// halves is a structure of 32-bit fields.
func halves(text string, fields ...uint32) *Data {
	b := make([]byte, 0, 4*len(fields))
	for _, f := range fields {
		b = binary.LittleEndian.AppendUint32(b, f)
	}
	return &Data{Bytes: b, Text: text}
}

// vector is a NULL-terminated array of strings, as execve wants it.
func vector(list []string) Arg {
	d := &Data{Size: 8 * (len(list) + 1), Relocs: make([]Reloc, len(list))}
	for i, s := range list {
		d.Relocs[i] = Reloc{Off: 8 * i, To: cString(s)}
	}
	return Ptr{Data: d} // its text is the list of strings
}

// text prints a pointer to d: the text that it was given, or, because most
// plans are never printed, what can be made of it only now.
func (d *Data) text() string {
	switch {
	case d.Text != "":
		return d.Text
	case d.Align == 1:
		return strconv.Quote(string(d.Bytes[:len(d.Bytes)-1]))
	}
	list := make([]string, len(d.Relocs))
	for i, r := range d.Relocs {
		list[i] = r.To.text()
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// space is zeroed memory that the kernel writes to.
func space(size int, text string) *Data { return &Data{Size: size, Text: text} }
