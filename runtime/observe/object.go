package observe

import (
	"strconv"
	"unicode/utf8"
)

// An object is a JSON object as it is appended to a buffer.
type object struct {
	buf    []byte
	inside bool // it has a member already
}

func begin(dst []byte) object { return object{buf: append(dst, '{')} }

func (o *object) close() []byte { return append(o.buf, '}') }

// end closes the object of a line.
func (o *object) end() []byte { return append(o.buf, '}', '\n') }

func (o *object) key(k string) {
	if o.inside {
		o.buf = append(o.buf, ',')
	}
	o.inside = true
	o.buf = append(append(append(o.buf, '"'), k...), '"', ':')
}

func (o *object) int(k string, n int64) {
	o.key(k)
	o.buf = strconv.AppendInt(o.buf, n, 10)
}

func (o *object) bool(k string, b bool) {
	o.key(k)
	o.buf = strconv.AppendBool(o.buf, b)
}

func (o *object) str(k, s string) {
	o.key(k)
	o.buf = appendQuoted(o.buf, s)
}

// hex is for what a float64 cannot hold, as which many read a JSON number.
func (o *object) hex(k string, n uint64) {
	o.key(k)
	o.buf = append(strconv.AppendUint(append(o.buf, `"0x`...), n, 16), '"')
}

// text writes a string unless it is empty, yes a true, and entry the number of one, if there is one.
func (o *object) text(k, s string) {
	if s != "" {
		o.str(k, s)
	}
}

func (o *object) yes(k string, b bool) {
	if b {
		o.bool(k, b)
	}
}

func (o *object) entry(k string, e *Entry) {
	if e != nil {
		o.int(k, int64(e.N))
	}
}

func (o *object) list(k string, list []string) {
	o.key(k)
	o.buf = append(o.buf, '[')
	for i, s := range list {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = appendQuoted(o.buf, s)
	}
	o.buf = append(o.buf, ']')
}

// objects writes n objects.
func (o *object) objects(k string, n int, each func(*object, int)) {
	o.key(k)
	o.buf = append(o.buf, '[')
	for i := range n {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		sub := begin(o.buf)
		each(&sub, i)
		o.buf = sub.close()
	}
	o.buf = append(o.buf, ']')
}

// task writes a task, or nothing for nobody.
func (o *object) task(k string, t *Task) {
	if t.Pid == 0 && t.Tgid == 0 {
		return
	}
	o.key(k)
	s := begin(o.buf)
	s.taskFields(t)
	o.buf = s.close()
}

func (o *object) taskFields(t *Task) {
	o.int("pid", int64(t.Pid))
	o.int("tgid", int64(t.Tgid))
	for _, f := range [...]struct {
		key string
		n   int32
	}{{"inside", t.Inside}, {"own", t.Own}, {"depth", t.Depth}} {
		if f.n != Unknown {
			o.int(f.key, int64(f.n))
		}
	}
	if t.Parent > 0 {
		o.int("parent", int64(t.Parent))
	}
	o.text("name", t.Name())
}

// appendQuoted appends a JSON string (RFC 8259 §7). A byte that is not UTF-8
// becomes U+FFFD, because JSON has no other way to carry it; what steers a
// terminal is escaped, for people read the lines too.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s { // an invalid byte ranges as utf8.RuneError
		switch {
		case c == '"', c == '\\':
			dst = append(dst, '\\', byte(c))
		case steers(c):
			dst = append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return append(dst, '"')
}

// steers reports whether a character moves a cursor or turns the direction of
// writing: the controls of ASCII and Latin-1, and those of Unicode for
// lines and bidirectional text. All are below U+10000.
func steers(c rune) bool {
	return c < 0x20 || 0x7f <= c && c < 0xa0 || c == 0x61c || 0x200e <= c && c <= 0x200f ||
		0x2028 <= c && c <= 0x202e || 0x2066 <= c && c <= 0x2069
}
