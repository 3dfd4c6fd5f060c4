package runtime

import (
	"strconv"
	"unicode/utf8"
)

// A jsonWriter appends JSON text, compact or indented as encoding/json would.
// fastjson reads ours back, but does not write it: its writer quotes strings
// as Go does (\x01, \a), which is not JSON.
type jsonWriter struct {
	buf    []byte
	indent string // empty: compact
	depth  int
	inside bool // the innermost object or array has a member already
}

func (w *jsonWriter) open(bracket byte) {
	w.buf = append(w.buf, bracket)
	w.depth++
	w.inside = false
}

func (w *jsonWriter) close(bracket byte) {
	w.depth--
	if w.inside {
		w.newline()
	}
	w.buf = append(w.buf, bracket)
	w.inside = true
}

// next prepares for a member of an array, and key for one of an object.
func (w *jsonWriter) next() {
	if w.inside {
		w.buf = append(w.buf, ',')
	}
	w.inside = true
	w.newline()
}

func (w *jsonWriter) key(k string) {
	w.next()
	w.str(k)
	w.buf = append(w.buf, ':')
	if w.indent != "" {
		w.buf = append(w.buf, ' ')
	}
}

func (w *jsonWriter) newline() {
	if w.indent == "" {
		return
	}
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, w.indent...)
	}
}

func (w *jsonWriter) int(n int64)   { w.buf = strconv.AppendInt(w.buf, n, 10) }
func (w *jsonWriter) uint(n uint64) { w.buf = strconv.AppendUint(w.buf, n, 10) }
func (w *jsonWriter) bool(b bool)   { w.buf = strconv.AppendBool(w.buf, b) }
func (w *jsonWriter) str(s string)  { w.buf = AppendJSONString(w.buf, s) }

// AppendJSONString appends s as a JSON string (RFC 8259 §7). Bytes that are
// not UTF-8 become U+FFFD, because JSON has no other way to carry them.
func AppendJSONString(buf []byte, s string) []byte {
	const hex = "0123456789abcdef"
	buf = append(buf, '"')
	for _, c := range s { // an invalid byte ranges as utf8.RuneError
		switch {
		case c == '"', c == '\\':
			buf = append(buf, '\\', byte(c))
		case c == '\n':
			buf = append(buf, '\\', 'n')
		case c == '\t':
			buf = append(buf, '\\', 't')
		case c < 0x20:
			buf = append(buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			buf = utf8.AppendRune(buf, c)
		}
	}
	return append(buf, '"')
}
