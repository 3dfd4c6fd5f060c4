package observe

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorded are the timelines of real kernels; testdata/README says how they came about.
func recorded(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.jsonl")
	if err != nil || len(files) != 21 {
		t.Fatalf("%d recordings: %v", len(files), err)
	}
	return files
}

func load(t testing.TB, file string) *Timeline {
	t.Helper()
	return Build(recording(t, file))
}

func recording(t testing.TB, file string) (About, []Event) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	about, events, err := ReadJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return about, events
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it should be; got\n%s", file, got)
	}
}

func TestARecordedTimelineReadsAsItShould(t *testing.T) {
	for _, file := range recorded(t) {
		var out bytes.Buffer
		if err := load(t, file).Write(&out, Text); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(file, "jsonl")+"txt", out.Bytes())
	}
}

// The lines of a timeline are all that it takes to make it again.
func TestJSONLinesComeBackAsTheyWere(t *testing.T) {
	for _, file := range recorded(t) {
		var out bytes.Buffer
		if err := load(t, file).Write(&out, JSON); err != nil {
			t.Fatal(err)
		}
		golden(t, file, out.Bytes())
	}
}

// What each recording was made to show, whichever source saw it.
func TestATimelineSaysWhatHappened(t *testing.T) {
	for name, lines := range map[string][]string{
		"stop": {
			"──TERM→ 1 sh  ignored: PID 1 has no handler for SIGTERM", "──KILL→ 4 sleep  zap",
			"PID 1      ended with 137 = 128+9 (SIGKILL): SIGKILL from minirun", "zap, at the end of 1 sh: 2 sleep, 3 sleep, 4 sleep",
		},
		"init":    {"──TERM→ 2 sh  handler", "to 1 minirun-init", "SIGTERM from 1 minirun-init: 3 sleep, 4 sleep, 5 sleep", "ended with 0"},
		"oom":     {"──KILL→ 1 tail  fatal: out of memory", "ended with 137 = 128+9 (SIGKILL): the kernel, for want of memory"},
		"abort":   {"ended with 139 = 128+11 (SIGSEGV): abort(): PID 1 ignores its own SIGABRT"},
		"held":    {"zap, in vain: it has ended already", "it waited for the zombie 3 sleep, until nsenter"},
		"nested":  {"──TERM→ 4/1 sleep  ignored: PID 1 has no handler for SIGTERM", "leaves 4/1 sleep to 1 sh", "──KILL→ 5/2 sleep  zap"},
		"reraise": {"dropped: its handler has reset SIGTERM and raised it again", "──TERM→ 1 reraise  ignored"},
	} {
		for _, source := range []string{"bpf", "tracefs"} {
			got := text(t, "testdata/"+source+"/"+name+".jsonl")
			for _, line := range lines {
				if !strings.Contains(got, line) {
					t.Errorf("%s of %s does not say %q:\n%s", name, source, line, got)
				}
			}
		}
	}
}

// What is left of the same stories to a source that sees no signals.
func TestWhatProcSaysOfIt(t *testing.T) {
	for name, lines := range map[string][]string{
		"init":    {"──TERM→ 1 minirun-init  kill, by pidfd_send_signal; predicted consumable: PID 1 reads SIGTERM from a signalfd", "SIGTERM by whom this source does not see", "ended with 0"},
		"oom":     {"ended with 137 = 128+9 (SIGKILL): SIGKILL by whom this source does not see"},
		"abort":   {"ended with 139 = 128+11 (SIGSEGV): SIGSEGV by whom this source does not see"},
		"held":    {"3 sleep a zombie, not waited for by nsenter", "3 sleep         is reaped", "SIGKILL from minirun"},
		"nested":  {"4/1", "5/2 sleep", "2 unshare       ends with 143 = 128+15 (SIGTERM)", "as it seems of zap: 1 sh had ended", "ended with 7"},
		"reraise": {"predicted handler: PID 1 has a handler for SIGTERM", "predicted ignored: PID 1 has no handler for SIGTERM", "ended with 137"},
	} {
		got := text(t, "testdata/proc/"+name+".jsonl")
		for _, line := range lines {
			if !strings.Contains(got, line) {
				t.Errorf("%s does not say %q:\n%s", name, line, got)
			}
		}
	}
}

// A source that sees no signals says what it supposes, and that it does.
func TestAPredictedTimelineSaysSo(t *testing.T) {
	got := text(t, "testdata/proc/stop.jsonl")
	for _, line := range []string{
		"source proc, verdicts are predicted", "predicted ignored: PID 1 has no handler for SIGTERM",
		"SIGKILL, as it seems of zap", "ends with 137 = 128+9 (SIGKILL): SIGKILL from minirun",
		"1 sh asleep in sigsuspend; 2 sleep, 3 sleep, 4 sleep asleep in hrtimer_nanosleep",
		"── stop: killed; SIGKILL: SIGTERM was ignored: PID 1 has no handler for SIGTERM",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	var out bytes.Buffer
	if err := load(t, file).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// what is different from run to run, and no source's doing.
var (
	byChance = regexp.MustCompile(`(?m)^ *\+[0-9.]+ ms  |\[[0-9]+\]|[0-9]+ on the host|[0-9]+ outside|[0-9.]+ ms|; source .*|executes .*`)
	blanks   = regexp.MustCompile(` +`)
)

// Two sources of the same story: what one tells and the other does not is
// listed, and README explains it. Of proc, which tells least, what it alone
// says is listed, and how many entries of each kind the two others have more.
func TestTheSourcesDifferAsListed(t *testing.T) {
	var out strings.Builder
	for _, file := range recorded(t) {
		file, ok := strings.CutPrefix(file, "testdata/bpf/")
		if !ok {
			continue
		}
		name := strings.TrimSuffix(file, ".jsonl")
		bpf, tracefs, proc := linesOf(t, "bpf", file), linesOf(t, "tracefs", file), linesOf(t, "proc", file)
		more(&out, name+": bpf: ", bpf, tracefs)
		more(&out, name+": tracefs: ", tracefs, bpf)
		for line, n := range tracefs {
			bpf[line] = max(bpf[line], n)
		}
		more(&out, name+": proc: ", proc, bpf)
		kinds := map[Kind]int{}
		for source, sign := range map[string]int{"bpf": 1, "proc": -1} {
			for _, e := range load(t, "testdata/"+source+"/"+file).Entries {
				if !e.Folded {
					kinds[e.Kind] += sign
				}
			}
		}
		fmt.Fprintf(&out, "%s: not by proc:", name)
		for kind := Fork; kind <= lastKind; kind++ {
			if n := kinds[kind]; n > 0 {
				fmt.Fprintf(&out, " %d %s", n, kind)
			}
		}
		out.WriteString("\n")
	}
	golden(t, "testdata/differences.txt", []byte(out.String()))
}

// linesOf counts the lines of a recording's text, without what is different by chance.
func linesOf(t *testing.T, source, name string) map[string]int {
	lines := map[string]int{}
	for line := range strings.Lines(text(t, "testdata/"+source+"/"+name)) {
		lines[strings.TrimSpace(blanks.ReplaceAllString(byChance.ReplaceAllString(line, ""), " "))]++
	}
	return lines
}

// more lists what there is more of in one text than in another.
func more(out *strings.Builder, head string, a, b map[string]int) {
	for _, line := range slices.Sorted(maps.Keys(a)) {
		if a[line] > b[line] {
			out.WriteString(head + line + "\n")
		}
	}
}
