package signals

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Status is the part of /proc/PID/status that says what a task does with
// signals (proc_pid_status(5)). The pids are those of the procfs that was read.
type Status struct {
	Name      string // what cannot be printed replaced: a container chooses it, a terminal shows it
	State     byte   // R, S, D, T stopped, t stopped by a tracer, Z zombie, X dead, …
	Pid       int    // of the thread
	PPid      int
	TracerPid int   // 0: not traced
	NSpid     []int // the thread's pid in each PID namespace, innermost last
	Dumping   bool  // CoreDumping

	Pending Set // SigPnd: queued for this thread
	Shared  Set // ShdPnd: queued for the process
	Blocked Set // SigBlk: the mask; without what the thread awaits in sigtimedwait(2)
	Ignored Set // SigIgn
	Caught  Set // SigCgt
}

// The lines without which a text is no status; every kernel since 4.1 prints them.
const (
	lineState = 1 << iota
	linePid
	lineNSpid
	linePending
	lineShared
	lineBlocked
	lineIgnored
	lineCaught
	required = 1<<iota - 1
)

// ParseStatus reads the text of /proc/PID/status. A line that it does not
// know is passed over, and one that it needs and does not find is an error.
func ParseStatus(text []byte) (Status, error) {
	var s Status
	var seen int
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":\t"))
		if !ok {
			continue
		}
		n, err := s.set(string(key), string(value))
		if err != nil {
			return Status{}, fmt.Errorf("parse status line %q: %w", line, err)
		}
		seen |= n
	}
	if seen != required {
		return Status{}, fmt.Errorf("parse status: a line is missing (have %#x of %#x)", seen, required)
	}
	return s, nil
}

// set takes one line over and returns its bit of required, if it has one.
func (s *Status) set(key, value string) (line int, err error) {
	switch key {
	case "Name":
		s.Name = printable(value)
	case "State":
		if value == "" {
			return 0, strconv.ErrSyntax
		}
		s.State, line = value[0], lineState
	case "Pid":
		s.Pid, err = strconv.Atoi(value)
		line = linePid
	case "PPid":
		s.PPid, err = strconv.Atoi(value)
	case "TracerPid":
		s.TracerPid, err = strconv.Atoi(value)
	case "CoreDumping":
		s.Dumping = value == "1"
	case "NSpid":
		s.NSpid, err = pids(value)
		line = lineNSpid
	case "SigPnd":
		s.Pending, err = ParseSet(value)
		line = linePending
	case "ShdPnd":
		s.Shared, err = ParseSet(value)
		line = lineShared
	case "SigBlk":
		s.Blocked, err = ParseSet(value)
		line = lineBlocked
	case "SigIgn":
		s.Ignored, err = ParseSet(value)
		line = lineIgnored
	case "SigCgt":
		s.Caught, err = ParseSet(value)
		line = lineCaught
	}
	return line, err
}

// ParseSet reads a signal set as /proc prints it: 16 hexadecimal digits, signal 1 in the lowest bit.
func ParseSet(s string) (Set, error) {
	v, err := strconv.ParseUint(strings.TrimSpace(s), 16, 64)
	return Set(v), err
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '?'
	}, s)
}

func pids(s string) ([]int, error) {
	fields := strings.Fields(s)
	list := make([]int, len(fields))
	for i, f := range fields {
		var err error
		if list[i], err = strconv.Atoi(f); err != nil {
			return nil, err
		}
	}
	return list, nil
}
