package bundles

import (
	"errors"
	"strconv"
	"strings"
)

// A decoder fills the types of runtime-spec from JSON in one pass, without a
// tree between them: config.json is read at every start, and every page that
// a tree touches first is a page fault. Each type has a function
// read…(d, dst); the generic ones below are for its fields.
//
//   - Keys are matched exactly, as the specification writes them, and
//     unknown ones are ignored, as it demands ("Extensibility").
//   - Where a key comes twice, which it forbids, the last one counts.
//   - null is an absent value.
//   - The first problem ends it.
type decoder struct {
	scanner
	path []step
	err  error
}

// A step leads from a value to one inside it: to the element index of an
// array or, where index is negative, to the member key of an object.
type step struct {
	key   string
	index int
}

// decode reads one document. Root is its name in messages; for config.json
// it is empty, so that paths start with the name of a section. The result
// shares the memory of data.
func decode[T any](data []byte, root string, read func(*decoder, *T)) (*T, error) {
	d := &decoder{scanner: scanner{src: share(data)}, path: make([]step, 0, 16)}
	if root != "" {
		d.path = append(d.path, step{root, -1})
	}
	dst := new(T)
	if d.space(); d.kind() == "null" {
		d.refuse("want an object, got null")
	}
	read(d, dst)
	if d.space(); d.err == nil && d.pos < len(d.src) {
		d.check(d.want("the end of the text"))
	}
	if d.err != nil {
		return nil, d.err
	}
	return dst, nil
}

// object calls field for each member, at its value. A value that field
// leaves alone is passed over.
func (d *decoder) object(field func(key string)) {
	if !d.is("an object") {
		return
	}
	top := len(d.path)
	d.path = append(d.path, step{index: -1})
	d.check(d.members(func(key string) bool {
		d.path[top].key = key
		start := d.pos
		if field(key); d.pos == start && d.err == nil {
			return d.skip()
		}
		return d.err == nil
	}))
	d.path = d.path[:top]
}

// list reads an array, its elements by each.
func list[T any](d *decoder, dst *[]T, each func(*decoder, *T)) {
	*dst = nil
	if !d.is("an array") {
		return
	}
	top := len(d.path)
	d.path = append(d.path, step{})
	all := make([]T, 0, 4)
	d.check(d.elements(func() bool {
		d.path[top].index = len(all)
		var zero T
		all = append(all, zero)
		each(d, &all[len(all)-1])
		return d.err == nil
	}))
	*dst = all
	d.path = d.path[:top]
}

// dict reads an object whose keys are the author's choice.
func dict[T any](d *decoder, dst *map[string]T, each func(*decoder, *T)) {
	*dst = nil
	if d.kind() == "an object" {
		*dst = map[string]T{}
	}
	d.object(func(key string) {
		var element T
		each(d, &element)
		d.refuseNUL(key)
		(*dst)[key] = element
	})
}

// ptr reads an optional value.
func ptr[T any](d *decoder, dst **T, read func(*decoder, *T)) {
	*dst = nil
	if d.kind() != "null" {
		*dst = new(T)
		read(d, *dst)
	} else {
		d.check(d.skip())
	}
}

// str reads a string that the kernel may get to see. A NUL, which JSON can
// write as \u0000, would end it there too early.
func str[T ~string](d *decoder, dst *T) {
	text(d, dst)
	d.refuseNUL(string(*dst))
}

// text reads a string that no system call takes.
func text[T ~string](d *decoder, dst *T) {
	if d.is("a string") {
		s, ok := d.scanner.str()
		d.check(ok)
		*dst = T(s)
	}
}

func boolean(d *decoder, dst *bool) {
	if d.is("a boolean") {
		*dst = d.peek() == 't'
		d.check(d.skip())
	}
}

// is reports whether a value of the kind is there to be read. It passes over
// null and refuses another kind.
func (d *decoder) is(kind string) bool {
	got := d.kind()
	switch {
	case d.err != nil:
		return false
	case got == kind:
		return true
	case got == "null" || got == "":
		d.check(d.skip())
	default:
		d.refuse("want " + kind + ", got " + got)
	}
	return false
}

// kind names the kind of the next value by its first byte; "" is none.
func (d *decoder) kind() string {
	switch c := d.peek(); c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		if c == '-' || isDigit(c) {
			return "a number"
		}
		return ""
	}
}

// check takes over what the scanner found.
func (d *decoder) check(ok bool) {
	if !ok && d.err == nil {
		d.err = d.syntaxError()
	}
}

func (d *decoder) refuseNUL(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		d.refuse("contains a NUL byte")
	}
}

// refuse says what is wrong with the value at the current path.
func (d *decoder) refuse(problem string) {
	switch {
	case d.err != nil:
	case len(d.path) == 0:
		d.err = errors.New(problem)
	default:
		d.err = &invalid{d.where(), problem}
	}
}

// where spells the path, as in mounts[3].options[0].
func (d *decoder) where() string {
	var b strings.Builder
	for i, s := range d.path {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case !isWord(s.key):
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		case i > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// isWord tells the names of the specification from keys of the author.
func isWord(key string) bool {
	for i := range len(key) {
		if c := key[i] | 0x20; c < 'a' || 'z' < c {
			return false
		}
	}
	return key != ""
}
