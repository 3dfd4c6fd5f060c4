package observe

import (
	"bufio"
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
	s := newSink(w, f)
	for _, e := range t.Entries {
		s.entry(t, e)
	}
	return s.end(t)
}

// A sink is a format being written. Entries come when nothing about them can
// change any more, in their order; those that Build or a Live has folded too.
type sink interface {
	entry(*Timeline, *Entry)
	gone(*Timeline, *Process) // is left out of the summary, to keep it short
	end(*Timeline) error
	Flush() error
}

func newSink(w io.Writer, f Format) sink {
	switch f {
	case JSON:
		return &jsonSink{Writer: bufio.NewWriterSize(w, 1<<16)}
	case Perfetto:
		return newPerfetto(w)
	case HTML:
		return &htmlSink{to: w}
	}
	return &textSink{Writer: bufio.NewWriterSize(w, 1<<16)}
}
