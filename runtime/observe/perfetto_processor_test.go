//go:build perfetto

package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The trace processor is what ui.perfetto.dev shows; `make perfetto` gets it. It
// is asked what it has understood of each recording, and of random timelines of
// some 1,000 events in which numbers of processes are used again.
func TestTheTraceProcessorReadsWhatIsWritten(t *testing.T) {
	lines := map[string]*Timeline{}
	for _, file := range recorded(t) {
		lines[file] = load(t, file)
	}
	for seed, all := int64(1), len(lines)+3; len(lines) < all; seed++ {
		w := newWorld(seed)
		if w.run(3000); len(w.events) >= 1000 {
			lines[fmt.Sprint("seed ", seed)] = Build(About{ID: "random", Init: 100, Origin: BPF}, w.events)
		}
	}
	var names, files []string
	for name, line := range lines {
		file := filepath.Join(t.TempDir(), "trace")
		f, err := os.Create(file)
		if err == nil {
			err = line.WritePerfetto(f)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		names, files = append(names, name), append(files, file)
	}
	for i, got := range ask(t, files) {
		understood(t, names[i], lines[names[i]], got)
	}
}

// The questions: what went wrong, who there is, what is on each track, and the arrows.
var questions = [...]string{
	`select name, value from stats where severity != 'info' and value > 0`,
	`select pid, name from process where pid > 0 order by pid, name`,
	`select coalesce(p.name, t.name), s.ts, s.dur, s.name from slice s left join process_track t0 on t0.id = s.track_id
	   left join process p using (upid) join track t on t.id = s.track_id`,
	`select o.ts, po.name, i.ts, pi.name from flow f join slice o on o.id = f.slice_out join slice i on i.id = f.slice_in
	   left join process_track a on a.id = o.track_id left join process po on po.upid = a.upid
	   left join process_track b on b.id = i.track_id left join process pi on pi.upid = b.upid`,
}

// ask puts the questions to a trace processor, about each file.
func ask(t *testing.T, files []string) (answers [][][][]any) {
	t.Helper()
	assets := os.Getenv("PERFETTO_ASSETS")
	if assets == "" {
		t.Fatal("PERFETTO_ASSETS is not set: run make perfetto")
	}
	cmd := exec.Command("node", append([]string{"../../tests/perfetto/query.mjs", assets}, questions[:]...)...)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "[") { // it tells how far it is
			continue
		}
		var answer [][][]any
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		answers = append(answers, answer)
	}
	if len(answers) != len(files) {
		t.Fatalf("%d answers about %d files: %s", len(answers), len(files), said)
	}
	return answers
}

// understood compares what was understood with the timeline.
func understood(t *testing.T, name string, line *Timeline, got [][][]any) {
	var processes, marks, arrows []string
	slice := func(track string, at, took int64, what string) {
		marks = append(marks, fmt.Sprint([]any{track, at, took, what}))
	}
	for _, p := range line.Processes {
		processes = append(processes, fmt.Sprint([]any{p.Tgid, p.label("")}))
		if p.Inside <= 0 {
			continue
		}
		begin, end := max(p.Begin, line.Start()), p.End
		if end == 0 {
			end = line.Finish()
		}
		slice(p.label(""), begin, end-begin, p.names())
		if p.Gone > end && !p.Late {
			slice(p.label(""), end, p.Gone-end, "zombie")
		}
	}
	for _, p := range line.Phases {
		slice("phases of the end", p.From, p.Took(), p.Name)
	}
	track := func(p *Process) string {
		if p == nil {
			return "minirun"
		}
		return p.label("")
	}
	for _, e := range line.Entries {
		l := e.Line()
		switch {
		case e.Kind == Generate:
			taken := e.Time + 1
			if e.Pair != nil {
				taken = max(taken, e.Pair.Time)
			}
			slice(track(e.Who), e.Time, 0, l.Arrow+" to "+l.Whom)
			slice(track(e.Whom), taken, 0, l.Arrow+": "+l.What)
			from, to := track(e.Who), track(e.Whom)
			for _, s := range []*string{&from, &to} {
				if *s == "minirun" {
					*s = "<nil>"
				}
			}
			arrows = append(arrows, fmt.Sprint([]any{e.Time, from, taken, to}))
		case e.Folded && e.Kind != Deliver || e.Kind == Free || e.Kind == Deliver && e.Pair != nil:
		default:
			slice(track(e.Who), e.Time, 0, l.What)
		}
	}
	if len(got[0]) > 0 {
		t.Errorf("%s: %v", name, got[0])
	}
	for i, want := range [][]string{processes, marks, arrows} {
		alike(t, fmt.Sprintf("%s: %s", name, []string{"processes", "slices", "arrows"}[i]), got[i+1], want)
	}
}

// alike compares rows, in any order.
func alike(t *testing.T, what string, rows [][]any, want []string) {
	t.Helper()
	var got []string
	for _, row := range rows {
		for i, cell := range row {
			if f, ok := cell.(float64); ok {
				row[i] = int64(f)
			}
		}
		got = append(got, fmt.Sprint(row))
	}
	slices.Sort(got)
	slices.Sort(want)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d, want %d; the first that differs\n got  %s\n want %s", what, len(got), len(want), at(got, i), at(want, i))
			return
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}
