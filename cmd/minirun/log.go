package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"minirun/runtime"
)

// A logger tells of errors, warnings and, if asked, more. Engines read the
// file, people read stderr: with a file, an error goes to both, as runc's do.
type logger struct {
	stderr    *os.File
	file      *os.File // nil without --log
	json      bool
	debugging bool
	failed    error // the first write to file that did
}

func (l *logger) open(path string) (err error) {
	l.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// close returns what went wrong with the file.
func (l *logger) close() error { return l.failed }

func (l *logger) error(err error) {
	msg := oneLine(err.Error())
	if l.file != nil {
		l.write("error", msg)
		fmt.Fprintln(l.stderr, msg)
		return
	}
	l.tell("error", msg, "minirun: "+msg)
}

func (l *logger) warn(msg string) {
	msg = oneLine(msg)
	if l.file != nil {
		l.write("warning", msg)
		return
	}
	l.tell("warning", msg, "minirun: warning: "+msg)
}

func (l *logger) debug(msg string) {
	if !l.debugging {
		return
	}
	if l.file != nil {
		l.write("debug", msg)
		return
	}
	l.tell("debug", msg, "minirun: "+msg)
}

// tell prints on stderr, for a program if that is what was asked for.
func (l *logger) tell(level, msg, plain string) {
	if l.json {
		plain = string(logJSON(time.Now(), level, msg))
	}
	fmt.Fprintln(l.stderr, plain) // there is nobody left to tell that it failed
}

func (l *logger) write(level, msg string) {
	format := logText
	if l.json {
		format = logJSON
	}
	// One write(2), so that lines of several runtimes do not mix.
	_, err := l.file.Write(append(format(time.Now(), level, msg), '\n'))
	if err != nil && l.failed == nil {
		l.failed = err
	}
}

// logJSON is a line as containerd and podman decode it; the time has to be
// RFC 3339 or the whole log is taken for broken.
func logJSON(t time.Time, level, msg string) []byte {
	b := append([]byte(`{"level":`), strconv.Quote(level)...)
	b = append(b, `,"msg":`...)
	b = runtime.AppendJSONString(b, msg)
	b = append(b, `,"time":"`...)
	b = t.UTC().AppendFormat(b, time.RFC3339)
	return append(b, `"}`...)
}

// logText is a line in logfmt.
func logText(t time.Time, level, msg string) []byte {
	b := append([]byte(nil), `time="`...)
	b = t.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `" level=`...)
	b = append(b, level...)
	b = append(b, ` msg=`...)
	return strconv.AppendQuote(b, msg)
}

// oneLine joins what errors.Join has put on lines of their own.
func oneLine(msg string) string {
	return strings.ReplaceAll(strings.TrimRight(msg, "\n"), "\n", "; ")
}
