package nsinit

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// num is a number that prints as itself.
func num(v int) Arg { return Const{V: uint64(int64(v))} }

// sym is a number that prints as its name.
func sym(v uint64, text string) Arg { return Const{V: v, Text: text} }

// octal is a file mode.
func octal(v uint32) Arg { return Const{V: uint64(v), Text: "0" + strconv.FormatUint(uint64(v), 8)} }

// null is the pointer NULL.
var null = Const{Text: "NULL"}

// atFDCWD is AT_FDCWD.
var atFDCWD = Const{V: ^uint64(99), Text: "AT_FDCWD"}

// str is a NUL-terminated string.
func str(s string) Arg {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return Ptr{Data: &Data{Bytes: b, Align: 1, Text: strconv.Quote(s)}}
}

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
	quoted := make([]string, len(list))
	for i, s := range list {
		p := str(s).(Ptr)
		d.Relocs[i] = Reloc{Off: 8 * i, To: p.Data}
		quoted[i] = p.Data.Text
	}
	d.Text = "[" + strings.Join(quoted, ", ") + "]"
	return Ptr{Data: d}
}

// space is zeroed memory that the kernel writes to.
func space(size int, text string) *Data { return &Data{Size: size, Text: text} }
