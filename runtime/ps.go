package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"minirun/runtime/signals"
)

// PidsJSON is a list of pids as runc prints it: null for none.
func PidsJSON(pids []int) []byte {
	if len(pids) == 0 {
		return []byte("null\n")
	}
	var w jsonWriter
	w.open('[')
	for _, pid := range pids {
		w.next()
		w.int(int64(pid))
	}
	w.close(']')
	return append(w.buf, '\n')
}

// FilterPs keeps of what ps(1) prints the head line and the lines of pids.
func FilterPs(text string, pids []int) ([]byte, error) {
	head, rest, _ := strings.Cut(text, "\n")
	column := slices.Index(strings.Fields(head), "PID")
	if column < 0 {
		return nil, errors.New("ps: no PID column in what it printed")
	}
	out := append([]byte(head), '\n')
	for line := range strings.Lines(rest) {
		f := strings.Fields(line)
		if len(f) <= column {
			continue
		}
		if pid, err := strconv.Atoi(f[column]); err == nil && slices.Contains(pids, pid) {
			out = append(out, line...)
		}
	}
	return out, nil
}

// A PsProcess is a process of a container, zombies included.
type PsProcess struct {
	Pid     int // on the host
	Inside  int // in the container; 0 where it has no PID namespace of its own
	Parent  Process
	State   byte // of the thread that says most: D before S, S before Z (proc_pid_stat(5))
	Threads int
	Wchan   string // the kernel function in which that thread waits
	Signals string // what it has arranged for signals, in a few words
	Command string
	Age     time.Duration // since its start

	// Blocker says of a zombie who should wait for it, and for how long it has not.
	Blocker Blocker
}

// zombie says whose a zombie is, and for how long: at most since its start.
func (p PsProcess) zombie() string {
	b := p.Blocker
	b.Unreaped = b.Unreaped.within(p.Age)
	return b.unreaped()
}

// A psLine is a process and how deep it stands in the tree.
type psLine struct {
	PsProcess
	depth int
}

// tree orders processes below their parents, by pid among siblings.
func tree(all []PsProcess) []psLine {
	below := make(map[int][]PsProcess)
	known := make(map[int]bool)
	for _, p := range all {
		known[p.Pid] = true
	}
	for _, p := range all {
		parent := p.Parent.Pid
		if !known[parent] {
			parent = 0
		}
		below[parent] = append(below[parent], p)
	}
	var lines []psLine
	var add func(parent, depth int)
	add = func(parent, depth int) {
		for _, p := range below[parent] {
			lines = append(lines, psLine{p, depth})
			add(p.Pid, depth+1)
		}
	}
	add(0, 0)
	return lines
}

// PsWide is a table of everything that minirun can tell about processes; with
// asTree each stands below its parent.
func PsWide(all []PsProcess, asTree bool) []byte {
	lines := make([]psLine, len(all))
	for i, p := range all {
		lines[i].PsProcess = p
	}
	if asTree {
		lines = tree(all)
	}
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 1, 2, ' ', 0)
	fmt.Fprint(w, "PID\tHOST\tPARENT\tSTATE\tTHREADS\tWCHAN\tSIGNALS\tCOMMAND\n")
	for _, l := range lines {
		command := strings.Repeat("  ", l.depth) + l.Command
		if l.State == 'Z' {
			command += " <" + l.zombie() + ">"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%c\t%d\t%s\t%s\t%s\n",
			dash(l.Inside), l.Pid, l.Parent.Pid, l.State, l.Threads, l.Wchan, l.Signals, command)
	}
	w.Flush() // a Buffer does not fail
	return out.Bytes()
}

func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// signalSummary is what a process has arranged for signals, each kind by its
// names, or by their number when there are many.
func signalSummary(s signals.Status) string {
	var parts []string
	for _, kind := range []struct {
		verb string
		set  signals.Set
	}{
		{"handles", s.Caught}, {"ignores", s.Ignored}, {"blocks", s.Blocked}, {"pending", s.Pending | s.Shared},
	} {
		if text := setText(kind.set); text != "" {
			parts = append(parts, kind.verb+" "+text)
		}
	}
	if len(parts) == 0 {
		return "default"
	}
	return strings.Join(parts, ", ")
}

func setText(s signals.Set) string {
	const most = 6
	var names []string
	for sig := 1; sig <= signals.Last; sig++ {
		if s.Has(sig) {
			names = append(names, strings.TrimPrefix(signals.Name(sig), "SIG"))
		}
	}
	if len(names) > most {
		return strconv.Itoa(len(names)) + " signals"
	}
	return strings.Join(names, " ")
}
