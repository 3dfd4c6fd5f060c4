package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describeInit looks at the init of a created container of each runtime.
func (b *benchmark) describeInit() error {
	for _, t := range b.tools {
		if t.name == "unshare" {
			continue
		}
		id, pidFile := "bench-"+t.name, filepath.Join(b.dir, "pid")
		if _, _, err := command(b.args(t, "create", "--bundle", b.idle, "--pid-file", pidFile, id)); err != nil {
			return err
		}
		pid, err := os.ReadFile(pidFile)
		if err == nil {
			b.facts[t.name] = initFacts(string(pid))
		}
		if _, _, err := command(b.args(t, "delete", "--force", id)); err != nil {
			return err
		}
	}
	return nil
}

func initFacts(pid string) string {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	smaps, _ := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	return fmt.Sprintf("%s task(s), Pss %s, SigCgt %s, SigBlk %s", field(status, "Threads:"), field(smaps, "Pss:"),
		field(status, "SigCgt:"), field(status, "SigBlk:"))
}

func field(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

func (b *benchmark) print(w io.Writer) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, Linux %s, %d processors, %s; medians of %d interleaved runs, ratio to minirun.\n\n",
		unix.ByteSliceToString(uts.Machine[:]), unix.ByteSliceToString(uts.Release[:]), processors(),
		time.Now().Format("2006-01-02"), b.runs)
	for _, t := range b.tools {
		fmt.Fprintf(w, "- %s: %s\n", t.name, t.version)
	}
	fmt.Fprintf(w, "\n| |")
	for _, t := range b.tools {
		fmt.Fprintf(w, " %s |", t.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(b.tools)))
	for _, r := range b.rows {
		b.printRow(w, r)
	}
	b.printCells(w, "peak memory of run", func(t tool) string { return kilobytes(b.rss[t.name]) })
	b.printCells(w, "size of the executable", func(t tool) string { return fileSize(t.path) })
	b.printCells(w, "init of a created container", func(t tool) string { return b.facts[t.name] })
	return nil
}

func (b *benchmark) printRow(w io.Writer, r row) {
	own := median(r.times["minirun"])
	b.printCells(w, r.name, func(t tool) string {
		m := median(r.times[t.name])
		switch {
		case m == 0:
			return ""
		case t.name == "minirun":
			return fmt.Sprintf("**%.1f ms**", ms(m))
		}
		return fmt.Sprintf("%.1f ms (%.2f×)", ms(m), float64(own)/float64(m))
	})
}

func (b *benchmark) printCells(w io.Writer, name string, cell func(tool) string) {
	fmt.Fprintf(w, "| %s |", name)
	for _, t := range b.tools {
		fmt.Fprintf(w, " %s |", cell(t))
	}
	fmt.Fprintln(w)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func kilobytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1024)
}

func fileSize(path string) string {
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return kilobytes(st.Size() / 1024)
}

func processors() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0
	}
	return set.Count()
}
