package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseValue reads a value in the text form of GVariant, which annotations
// have: true, 5, uint64 5, 1.5, 'text', ['a', 'b'], @au [1, 2], objectpath '/a'.
// https://docs.gtk.org/glib/gvariant-text-format.html. Dictionaries, tuples,
// maybes, byte strings and variants in it are refused: no property needs one.
func parseValue(text string) (any, error) {
	p := textParser{rest: text}
	n, err := p.node(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("%q follows the value", p.rest)
	}
	kind, err := n.infer()
	if err != nil {
		return nil, err
	}
	return n.as(kind)
}

// A textNode is a value whose type may yet be open.
type textNode struct {
	kind  string // the type it was given; "" if none was
	class byte   // 'n' number, 's' string, 'b' boolean, 'a' array
	text  string
	items []textNode
}

type textParser struct{ rest string }

func (p *textParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// word cuts off what is made of letters, digits and the characters of numbers.
func (p *textParser) word() string {
	n := 0
	for n < len(p.rest) && (strings.IndexByte("+-.@_(){}", p.rest[n]) >= 0 || alphanumeric(p.rest[n])) {
		n++
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// typeWord returns the signature that a keyword or an "@…" stands for.
func typeWord(word string) string {
	if signature, ok := strings.CutPrefix(word, "@"); ok {
		return signature
	}
	for _, k := range [...][2]string{
		{"boolean", "b"}, {"byte", "y"}, {"int16", "n"}, {"uint16", "q"}, {"int32", "i"}, {"uint32", "u"}, {"int64", "x"},
		{"uint64", "t"}, {"double", "d"}, {"string", "s"}, {"objectpath", "o"}, {"signature", "g"},
	} {
		if k[0] == word {
			return k[1]
		}
	}
	return ""
}

func (p *textParser) node(depth int) (n textNode, err error) {
	if p.space(); p.rest == "" {
		return n, errors.New("a value is missing")
	}
	switch c := p.rest[0]; {
	case depth > maxDepth:
		return n, errors.New("is nested too deep")
	case c == '\'' || c == '"':
		n.class = 's'
		n.text, err = p.quoted(c)
		return n, err
	case c == '[':
		return p.list(depth)
	}
	word := p.word()
	if kind := typeWord(word); kind != "" {
		if n, err = p.node(depth + 1); err == nil && n.kind != "" {
			err = fmt.Errorf("two types for one value: %s, %s", kind, n.kind)
		}
		n.kind = kind
		return n, err
	}
	switch {
	case word == "true" || word == "false":
		return textNode{class: 'b', text: word}, nil
	case word != "" && strings.IndexByte("+-.0123456789", word[0]) >= 0:
		return textNode{class: 'n', text: word}, nil
	}
	return n, fmt.Errorf("cannot read %q", word+p.rest)
}

// list reads "[…]".
func (p *textParser) list(depth int) (textNode, error) {
	n := textNode{class: 'a'}
	p.rest = p.rest[1:]
	for {
		p.space()
		if rest, ok := strings.CutPrefix(p.rest, "]"); ok {
			p.rest = rest
			return n, nil
		}
		if len(n.items) > 0 {
			rest, ok := strings.CutPrefix(p.rest, ",")
			if !ok {
				return n, fmt.Errorf("want a comma or a bracket before %q", p.rest)
			}
			p.rest = rest
		}
		item, err := p.node(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
}

// quoted reads a string up to the quote that opened it.
func (p *textParser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case quote:
			p.rest = p.rest[i+1:]
			return b.String(), checkText(b.String())
		case '\\':
			n, err := escape(&b, p.rest[i+1:])
			if err != nil {
				return "", err
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a string has no end")
}

// escape writes what the escape at the beginning of s, after its backslash,
// stands for, and returns its length.
func escape(b *strings.Builder, s string) (int, error) {
	if s == "" {
		return 0, errors.New("a string has no end")
	}
	digits := 0
	switch c := s[0]; c {
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '\n': // a line that goes on
		return 1, nil
	default:
		if i := strings.IndexByte("abfnrtv", c); i >= 0 {
			c = "\a\b\f\n\r\t\v"[i]
		}
		b.WriteByte(c)
		return 1, nil
	}
	if len(s) <= digits {
		return 0, errors.New("a Unicode escape is short")
	}
	r, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(r)) {
		return 0, fmt.Errorf("%q is not a Unicode escape", s[:1+digits])
	}
	b.WriteRune(rune(r))
	return 1 + digits, nil
}

// infer returns the type of a node: what it was given, or for an array what
// one of its items was, or what its form says.
func (n textNode) infer() (string, error) {
	switch {
	case n.kind != "":
		return n.kind, nil
	case n.class == 'n' && isFloat(n.text):
		return "d", nil
	case n.class == 'n':
		return "i", nil
	case n.class != 'a':
		return string(n.class), nil
	case len(n.items) == 0:
		return "", errors.New("an empty array needs a type, such as @as []")
	}
	return n.inferArray()
}

// inferArray: an item with a type of its own decides, and a fraction makes
// numbers of all.
func (n textNode) inferArray() (string, error) {
	element := ""
	for _, item := range n.items {
		kind, err := item.infer()
		if err != nil {
			return "", err
		}
		if element == "" || item.kind != "" || kind == "d" {
			element = kind
		}
	}
	return "a" + element, nil
}

func isFloat(text string) bool {
	return strings.ContainsAny(text, ".eE") && !strings.HasPrefix(strings.TrimLeft(text, "+-"), "0x")
}

// as returns the value as one of the type kind.
func (n textNode) as(kind string) (any, error) {
	if n.kind != "" && n.kind != kind {
		return nil, fmt.Errorf("a value is of type %s, and has to be %s", n.kind, kind)
	}
	switch {
	case n.class == 'n' && len(kind) == 1:
		return number(n.text, kind[0])
	case n.class == 'b' && kind == "b":
		return n.text == "true", nil
	case n.class == 's' && kind == "s":
		return n.text, nil
	case n.class == 's' && kind == "o":
		return objectPath(n.text), nil
	case n.class == 's' && kind == "g":
		return typeSignature(n.text), nil
	case n.class == 'a' && len(kind) > 1 && kind[0] == 'a':
		return n.asArray(kind[1:])
	}
	return nil, fmt.Errorf("%q is no type for this value, or not supported", kind)
}

func (n textNode) asArray(element string) (any, error) {
	var d decoder
	if _, rest := d.split(element); d.err != nil || rest != "" {
		return nil, fmt.Errorf("a%s is not a type", element)
	}
	a := array{element: element}
	for _, item := range n.items {
		v, err := item.as(element)
		if err != nil {
			return nil, err
		}
		a.items = append(a.items, v)
	}
	return a, nil
}

// number reads a number: decimal, 0x hexadecimal, or 0 octal.
func number(text string, kind byte) (any, error) {
	if kind == 'd' {
		return strconv.ParseFloat(text, 64)
	}
	signed := func(bits int) (int64, error) { return strconv.ParseInt(text, 0, bits) }
	unsigned := func(bits int) (uint64, error) { return strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, bits) }
	switch kind {
	case 'y':
		v, err := unsigned(8)
		return byte(v), err
	case 'n':
		v, err := signed(16)
		return int16(v), err
	case 'q':
		v, err := unsigned(16)
		return uint16(v), err
	case 'i':
		v, err := signed(32)
		return int32(v), err
	case 'u':
		v, err := unsigned(32)
		return uint32(v), err
	case 'x':
		return signed(64)
	case 't':
		return unsigned(64)
	}
	return nil, fmt.Errorf("%s is not of type %c", text, kind)
}
