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
	Text     Format = "text"
	JSON     Format = "json"
	Perfetto Format = "perfetto"
	HTML     Format = "html"
)

// ParseFormat reads the word of --format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Text, JSON, Perfetto, HTML:
		return f, nil
	}
	return "", fmt.Errorf("format %q: not one of text, json, perfetto, html", s)
}

// FormatOf is the format that a file's name asks for; text if it asks for none.
func FormatOf(file string) Format {
	_, ending, _ := strings.Cut(file[strings.LastIndexByte(file, '/')+1:], ".")
	switch ending = ending[strings.LastIndexByte(ending, '.')+1:]; ending {
	case "json", "jsonl", "ndjson":
		return JSON
	case "perfetto", "pftrace", "perfetto-trace":
		return Perfetto
	case "html", "htm":
		return HTML
	}
	return Text
}

// Write writes a timeline in a format.
func (t *Timeline) Write(w io.Writer, f Format) error {
	switch f {
	case JSON:
		return t.WriteJSON(w)
	case Perfetto:
		return t.WritePerfetto(w)
	case HTML:
		return t.WriteHTML(w)
	}
	return t.WriteText(w)
}
