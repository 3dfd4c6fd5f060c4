package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// A line is there soon after what it tells, while the container lives; ^C and
// SIGTERM end the observation with the summary, and the container goes on.
func TestLinesAreWrittenWhileTheyHappen(t *testing.T) {
	c := up(observeRig(t), "trap : USR1; while :; do sleep 0.1; done")
	for _, source := range allSources {
		for format, end := range map[string]string{"text": "\nlost ", "json": `{"kind":"summary"`} {
			t.Run(source+"/"+format, func(t *testing.T) {
				w := observed(c, nil, "--source", source, "--format", format)
				c.OK("kill", c.ID, "USR2")
				said := "ignored: PID 1 has no handler for SIGUSR2"
				if !rig.Eventually(func() bool { return strings.Contains(c.Read(w.file), said) }) {
					t.Fatalf("the signal is not told in time: %s", c.Read(w.file))
				}
				if strings.Contains(c.Read(w.file), end) {
					t.Error("it ended by itself")
				}
				w.Signal(map[string]os.Signal{"text": os.Interrupt, "json": unix.SIGTERM}[format])
				if x := w.Wait(); x.Code != 0 {
					t.Errorf("code %d: %s", x.Code, x.Stderr)
				}
				if text := c.Read(w.file); !strings.Contains(text, end) {
					t.Errorf("no end in %s", text)
				}
			})
		}
	}
	if c.Status() != "running" {
		t.Error(c.Status())
	}
}

// A reader that goes away ends the observation, and leaves nothing of its source.
func TestAReaderThatGoesAwayEndsTheObservation(t *testing.T) {
	c := up(observeRig(t), "while :; do sleep 0.01; done")
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := c.Spawn([]string{"observe", "--source", "tracefs", c.ID}, func(cmd *exec.Cmd) { cmd.Stdout = to })
	to.Close()
	if _, err := from.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	from.Close()
	if x := w.Wait(); x.Code != 1 || strings.Count(x.Stderr, "broken pipe") != 1 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	if left := instances(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A source that dies ends the observation with what it had told, which says so.
func TestASourceThatDiesIsTold(t *testing.T) {
	c := up(observeRig(t), "sleep 1000")
	w := observed(c, nil, "--source", "bpf", "--format", "text")
	for pid, name := range household(w.Cmd.Process.Pid) {
		if name == "minirun-observe" {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	const said = "minirun-observe was killed"
	if x := w.Wait(); x.Code != 1 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	if text := c.Read(w.file); !strings.Contains(text, "nothing is seen any more: "+said) || !strings.Contains(text, "\nlost ") {
		t.Errorf("%s", text)
	}
}

// storm is how many signals are to be seen, and observerMost what an observer
// may take for it, in kB.
const (
	storm        = 400000
	observerMost = 25000
)

// What was told is forgotten: neither process grows with what it has seen.
func TestAnObserverStaysSmallInAStorm(t *testing.T) {
	c := up(observeRig(t), "sleep 1000")
	init := c.Pid()
	for _, kind := range []struct{ format, source string }{
		{"text", "bpf"}, {"text", "tracefs"}, {"json", "bpf"}, {"perfetto", "bpf"}, {"html", "bpf"},
	} {
		format, names := kind.format, []string{"minirun", "minirun-observe"}
		if kind.source == "tracefs" {
			names = names[:1]
		}
		t.Run(kind.source+"/"+format, func(t *testing.T) {
			flags := []string{"--source", kind.source, "--format", format}
			if format == "json" { // of which there would be 250 MB
				flags = append(flags, "-o", "/dev/null")
			}
			begun := forks(t)
			w := observed(c, nil, flags...)
			peak := map[string]int{}
			for i := range storm {
				if err := unix.Kill(init, unix.SIGUSR2); err != nil {
					t.Fatal(err)
				}
				if i%(storm/20) == 0 {
					peaks(w.Cmd.Process.Pid, peak)
				}
			}
			w.Signal(os.Interrupt)
			for range 10 {
				peaks(w.Cmd.Process.Pid, peak)
			}
			if x := w.Wait(); x.Code != 0 {
				t.Errorf("code %d: %s", x.Code, x.Stderr)
			}
			t.Logf("peaks in kB: %v", peak)
			for _, name := range names {
				if kB := peak[name]; kB == 0 || kB > observerMost {
					t.Errorf("%s: %d kB", name, kB)
				}
			}
			if format != "text" {
				return
			}
			// Of those lost some were the machine's other events, with tracefs: what each process does, and signals of Go's.
			others := storm/100 + 20*(forks(t)-begun)
			if seen, lost := counted(t, c.Read(w.file)); seen > storm || seen+lost < storm || seen+lost > storm+others {
				t.Errorf("%d signals: %d seen, %d lost, and at most %d others", storm, seen, lost, others)
			}
		})
	}
}

// forks is how many processes and threads this machine has made.
func forks(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nprocesses ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// counted is how many signals a text tells of, and how many events it misses.
func counted(t *testing.T, text string) (seen, lost int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "──USR2→") {
			n := 1
			if _, times, ok := strings.Cut(line, " ("); ok {
				n, _ = strconv.Atoi(strings.TrimSuffix(times, " times)\n"))
			}
			seen += n
		}
		if rest, ok := strings.CutPrefix(line, "lost "); ok && !strings.Contains(rest, "nothing") {
			lost, _ = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return seen, lost
}

// household is a process and its children, with their names.
func household(pid int) map[int]string {
	all := map[int]string{pid: ""}
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(f)
			all[child] = ""
		}
	}
	for pid := range all {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		all[pid] = strings.TrimSuffix(string(text), "\n")
	}
	return all
}

// peaks notes the largest resident sets of an observer and its children, by name.
func peaks(pid int, of map[string]int) {
	for pid, name := range household(pid) {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		kB, _ := strconv.Atoi(strings.TrimSuffix(rig.Field(string(text), "VmHWM"), " kB"))
		of[name] = max(of[name], kB)
	}
}
