package observe

import (
	"fmt"
	"io"
	"strings"
)

// A Format is a way to write a timeline down.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
)

// ParseFormat reads the word of --format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Text, JSON:
		return f, nil
	}
	return "", fmt.Errorf("format %q: not one of text, json", s)
}

// FormatOf is the format that a file's name asks for; text if it asks for none.
func FormatOf(file string) Format {
	_, ending, _ := strings.Cut(file[strings.LastIndexByte(file, '/')+1:], ".")
	switch ending = ending[strings.LastIndexByte(ending, '.')+1:]; ending {
	case "json", "jsonl", "ndjson":
		return JSON
	}
	return Text
}

// Write writes a timeline in a format.
func (t *Timeline) Write(w io.Writer, f Format) error {
	if f == JSON {
		return t.WriteJSON(w)
	}
	return t.WriteText(w)
}
