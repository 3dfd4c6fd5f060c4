package observe

import "strings"

// wrap breaks a text into lines at blanks, and a word that is too long
// anywhere. first is the room in the first line, in pixels, rest that in the others.
func wrap(text string, first, rest int, bold bool) []string {
	var lines []string
	for room := max(first, rest/4); ; room = rest {
		cut := fit(text, room, bold)
		if cut == len(text) {
			return append(lines, text)
		}
		next := cut
		if blank := strings.LastIndexByte(text[:cut+1], ' '); blank > 0 {
			cut, next = blank, blank+1
		}
		lines, text = append(lines, text[:cut]), text[next:]
	}
}

// fit is how many bytes of a text there is room for, at least one character.
func fit(text string, room int, bold bool) int {
	for i, c := range text {
		if room -= advance(c, bold); room < 0 && i > 0 {
			return i
		}
	}
	return len(text)
}

// breadth is how many pixels a text takes.
func breadth(text string, bold bool) int {
	width := 0
	for _, c := range text {
		width += advance(c, bold)
	}
	return width
}

// advance is the width of a character in a sans-serif of 12.5 pixels: that of
// DejaVu, than which the usual ones are narrower.
func advance(c rune, bold bool) int {
	width := 8
	switch {
	case strings.ContainsRune("ijl.,:;'|!()[] ftr/-", c):
		width = 5
	case 'A' <= c && c <= 'Z', strings.ContainsRune("mw@%", c):
		width = 10
	}
	if bold {
		width++
	}
	return width
}
