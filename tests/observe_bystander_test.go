package tests

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A bystander is a tracefs instance, read as text. It shares nothing with eBPF,
// and with minirun's own reading of tracefs only the tracepoints.
type bystander struct {
	dir       string
	groupDead bool // the exit has group_dead, which it has since 6.14
}

func newBystander(t *testing.T) *bystander {
	t.Helper()
	const tracefs = "/sys/kernel/tracing"
	if _, err := os.Stat(tracefs + "/instances"); err != nil {
		if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			t.Fatal(err)
		}
	}
	w := &bystander{dir: fmt.Sprintf("%s/instances/witness-%d", tracefs, os.Getpid())}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.write(t, "tracing_on", "0")
		if err := unix.Rmdir(w.dir); err != nil {
			t.Error(err)
		}
	})
	w.write(t, "tracing_on", "0")
	w.write(t, "buffer_size_kb", "16384")
	w.write(t, "trace_clock", "mono")
	for _, p := range []string{"sched_process_fork", "sched_process_exec", "sched_process_exit", "signal_generate", "signal_deliver"} {
		group, _, _ := strings.Cut(p, "_")
		w.write(t, filepath.Join("events", group, p, "enable"), "1")
	}
	format, err := os.ReadFile(filepath.Join(w.dir, "events/sched/sched_process_exit/format"))
	if err != nil {
		t.Fatal(err)
	}
	w.groupDead = strings.Contains(string(format), "group_dead")
	w.write(t, "tracing_on", "1")
	return w
}

func (w *bystander) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

var (
	traceLine = regexp.MustCompile(`^.{16}-(\d+) +\[\d+\] ..(.)\S* +(\d+)\.(\d+): (\w+): (.*)$`)
	traceWord = regexp.MustCompile(` ?(\w+)=(\S*)`)
)

// testimony is what was done by members of the container and to them, in
// order. Members are the init and those that its forks lead to; a pid is that of
// the one whom the last fork has given it to.
func (w *bystander) testimony(t *testing.T, init int) (said []deed) {
	t.Helper()
	w.write(t, "tracing_on", "0")
	w.sawAll(t)
	f, err := os.Open(filepath.Join(w.dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	members := map[int]bool{init: true}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil {
			if line := lines.Text(); !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
				t.Fatalf("%q", line)
			}
			continue
		}
		d := deed{text: m[5], actor: number(t, m[1]), time: int64(number(t, m[3]+m[4])) * 1000}
		if m[2] != "." { // hardirq or softirq: a timer's doing, not that of who was interrupted
			d.actor = 0
		}
		if d.reads(t, m[6], members) {
			said = append(said, d)
		}
	}
	return said
}

// sawAll: a bystander whose buffers were too small has nothing to say.
func (w *bystander) sawAll(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(w.dir + "/per_cpu/cpu*/stats")
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if what, n, _ := strings.Cut(strings.TrimSpace(line), ": "); n != "0" && (strings.Contains(what, "overrun") || what == "dropped events") {
				t.Fatalf("%s: %s", file, line)
			}
		}
	}
}

// reads takes in the fields of a line. It is false where no member has to do with it.
func (d *deed) reads(t *testing.T, text string, members map[int]bool) bool {
	f := make(map[string]string)
	for _, word := range traceWord.FindAllStringSubmatch(text, -1) {
		f[word[1]] = word[2]
	}
	other := d.actor
	switch d.text {
	case "sched_process_fork":
		other = number(t, f["child_pid"])
		members[other] = members[d.actor]
		d.text += " " + f["child_pid"]
	case "sched_process_exec":
		d.text += " " + f["filename"]
	case "sched_process_exit":
		d.text += " " + f["group_dead"]
	case "signal_generate":
		other = number(t, f["pid"])
		d.text += fmt.Sprintf(" %s %s %s %s %s", f["pid"], f["sig"], f["code"], f["grp"], f["res"])
		d.queue = other
	case "signal_deliver":
		d.text += fmt.Sprintf(" %s %s %s", f["sig"], f["code"], f["sa_handler"])
		d.queue = d.actor
	}
	return members[d.actor] || members[other]
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
