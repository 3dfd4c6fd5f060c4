package observe

import (
	"strconv"
	"strings"
)

// label is a process in a few words: its pid in the container, that in a
// nested PID namespace of its own behind a slash, and its name; one outside
// has the observer's pid, in brackets.
func label(p *Process) string {
	if p == nil {
		return "the kernel"
	}
	return p.label("")
}

// label takes the name as it was, or the last if it is empty.
func (p *Process) label(name string) string {
	if name == "" {
		name = p.Name()
	}
	name = Clean(name)
	if p.Inside <= 0 {
		return strings.TrimLeft(name+" ["+strconv.Itoa(int(p.Tgid))+"]", " ")
	}
	pid := strconv.Itoa(int(p.Inside))
	if p.Depth > 0 && p.Own > 0 {
		pid += "/" + strconv.Itoa(int(p.Own))
	}
	return strings.TrimRight(pid+" "+name, " ")
}

// Clean makes a name that somebody in the container has chosen fit to be
// printed: nothing in it moves a cursor, ends a line or turns the direction of
// writing. What is not a plain character of ASCII becomes \xNN, a byte each.
func Clean(name string) string {
	for i := 0; i < len(name); i++ {
		if !plain(name[i]) {
			return string(appendClean(make([]byte, 0, 4*len(name)), name))
		}
	}
	return name
}

func appendClean(dst []byte, name string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(name); i++ {
		if c := name[i]; plain(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func plain(c byte) bool { return ' ' <= c && c < 0x7f && c != '\\' }
