package bundles

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str returns the string at its opening quote: without escapes it is a part
// of the text and costs no memory.
func (s *scanner) str() (string, bool) {
	var unescaped strings.Builder
	s.pos++
	for start := s.pos; s.pos < len(s.src); {
		switch c := s.src[s.pos]; {
		case c == '"':
			tail := s.src[start:s.pos]
			s.pos++
			if unescaped.Len() == 0 {
				return tail, true
			}
			unescaped.WriteString(tail)
			return unescaped.String(), true
		case c == '\\':
			unescaped.WriteString(s.src[start:s.pos])
			r, ok := s.escape()
			if !ok {
				return "", false
			}
			unescaped.WriteRune(r)
			start = s.pos
		case c < ' ':
			return "", s.fail("a control character in a string must be escaped")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRuneInString(s.src[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return "", s.fail("not UTF-8")
			}
			s.pos += size
		}
	}
	return "", s.want("a closing quote")
}

// escape returns the character that the escape at pos stands for.
func (s *scanner) escape() (rune, bool) {
	if s.pos+1 == len(s.src) {
		s.pos++
		return 0, s.want("a closing quote")
	}
	c := s.src[s.pos+1]
	if c == 'u' {
		return s.unicode()
	}
	const names, runes = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(names, c)
	if i < 0 {
		return 0, s.fail("unknown escape in a string")
	}
	s.pos += 2
	return rune(runes[i]), true
}

// unicode reads \uXXXX. Half a surrogate pair stands for no character: Go
// makes U+FFFD of it, others keep it, so it is refused.
func (s *scanner) unicode() (rune, bool) {
	r, ok := s.hex(s.pos)
	if !ok {
		return 0, s.fail(`want four hexadecimal digits after \u`)
	}
	if !utf16.IsSurrogate(r) {
		s.pos += 6
		return r, true
	}
	low, _ := s.hex(s.pos + 6)
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, s.fail(`\u gives half a surrogate pair`)
	}
	s.pos += 12
	return r, true
}

// hex decodes the \uXXXX at pos.
func (s *scanner) hex(pos int) (rune, bool) {
	if pos+6 > len(s.src) || s.src[pos] != '\\' || s.src[pos+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s.src[pos+2:pos+6], 16, 16)
	return rune(n), err == nil
}
