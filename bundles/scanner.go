package bundles

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A scanner walks over JSON text (RFC 8259, strictly) and keeps the first
// problem, after which none of its methods may be called but syntaxError.
// Most return false at a problem, with pos at the byte to blame.
type scanner struct {
	src     string
	pos     int
	depth   int
	problem string
}

// maxDepth bounds the recursion; a config.json needs 8 levels.
const maxDepth = 300

// syntaxError says where the problem is: line and column count from 1, the
// column in characters.
func (s *scanner) syntaxError() error {
	before := s.src[:s.pos]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Errorf("line %d, column %d: %s", line, column, s.problem)
}

// skip passes over a value of any kind.
func (s *scanner) skip() bool {
	switch c := s.peek(); c {
	case '{':
		return s.members(func(string) bool { return s.skip() })
	case '[':
		return s.elements(s.skip)
	case '"':
		_, ok := s.str()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		if c == '-' || isDigit(c) {
			_, ok := s.number()
			return ok
		}
		return s.want("a value")
	}
}

// members walks over an object. Member is called at each value, with its
// key, and has to pass over it.
func (s *scanner) members(member func(key string) bool) bool {
	if !s.enter() {
		return false
	}
	for s.space(); !s.take('}'); s.space() {
		if s.peek() != '"' {
			return s.want("a key in double quotes")
		}
		key, ok := s.str()
		if !ok {
			return false
		}
		if s.space(); !s.take(':') {
			return s.want("':' after the key")
		}
		if s.space(); !member(key) || !s.separator('}') {
			return false
		}
	}
	s.depth--
	return true
}

// elements walks over an array. Element is called at each value and has to
// pass over it.
func (s *scanner) elements(element func() bool) bool {
	if !s.enter() {
		return false
	}
	for s.space(); !s.take(']'); s.space() {
		if !element() || !s.separator(']') {
			return false
		}
	}
	s.depth--
	return true
}

// enter passes over the bracket that opens an object or array.
func (s *scanner) enter() bool {
	if s.depth++; s.depth > maxDepth {
		return s.fail(fmt.Sprintf("nested deeper than %d", maxDepth))
	}
	s.pos++
	return true
}

// separator stands after a value in an object or array: it passes over a
// comma, which must not be the last one, and stops before the end.
func (s *scanner) separator(end byte) bool {
	s.space()
	if !s.take(',') {
		return s.peek() == end || s.want(fmt.Sprintf("',' or %q", end))
	}
	if s.space(); s.peek() == end {
		return s.want("a value after ','")
	}
	return true
}

func (s *scanner) word(word string) bool {
	if !strings.HasPrefix(s.src[s.pos:], word) {
		return s.fail("want a value, got an unknown word")
	}
	s.pos += len(word)
	return true
}

// number returns a number as it is written.
func (s *scanner) number() (string, bool) {
	start := s.pos
	s.take('-')
	ok := s.take('0') || s.digits()
	if ok && s.take('.') {
		ok = s.digits()
	}
	if ok && (s.take('e') || s.take('E')) {
		_ = s.take('+') || s.take('-')
		ok = s.digits()
	}
	return s.src[start:s.pos], ok
}

func (s *scanner) digits() bool {
	if !isDigit(s.peek()) {
		return s.want("a digit")
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return true
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0, which no rule accepts, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) want(what string) bool {
	if s.pos == len(s.src) {
		return s.fail("want " + what + ", got the end of the text")
	}
	r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
	return s.fail(fmt.Sprintf("want %s, got %q", what, r))
}

func (s *scanner) fail(problem string) bool {
	s.problem = problem
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
