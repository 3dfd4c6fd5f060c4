package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"minirun/tests/rig"
)

// A row is what a scenario gave for each subject.
type row struct {
	scenario
	values [][]float64
	errs   []int // subjects that failed
}

func (r row) failed(k int) bool { return slices.Contains(r.errs, k) }

// table is what is printed in the end.
type table struct {
	subjects []subject
	rows     []row
}

func newTable(subjects []subject) *table { return &table{subjects: subjects} }

// print writes Markdown: medians, and in brackets what minirun's is of a peer's.
func (t *table) print(w io.Writer) {
	head := []string{"median"}
	line := []string{"---"}
	for _, s := range t.subjects {
		head, line = append(head, s.name), append(line, "---:")
	}
	writeRow(w, head)
	writeRow(w, line)
	for _, r := range t.rows {
		cells := []string{r.name}
		own := median(r.values[0])
		for k := range t.subjects {
			cells = append(cells, r.cell(k, own))
		}
		writeRow(w, cells)
	}
}

// cell is one subject's median with its unit and the ratio.
func (r row) cell(k int, own float64) string {
	if r.failed(k) {
		return "fails"
	}
	if len(r.values[k]) == 0 {
		return ""
	}
	m := median(r.values[k])
	text := fmt.Sprintf("%.0f %s", m, r.unit)
	if r.unit == "ms" || r.unit == "µs" || r.unit == "%" {
		text = fmt.Sprintf("%.2f %s", m, r.unit)
	}
	if k > 0 && m > 0 && r.unit != "" {
		text += fmt.Sprintf(" (%.2f×)", own/m)
	}
	return strings.TrimSpace(text)
}

func writeRow(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// median of the values, of which there may be none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// machine tells where and with what the numbers were made.
func machine(w io.Writer, subjects []subject, n int) {
	fmt.Fprintf(w, "%s, %d CPUs, %s, %s, %d interleaved runs, medians; in brackets minirun ÷ peer.\n", cpu(), runtime.NumCPU(), kernel(), time.Now().Format("2006-01-02"), n)
	for _, s := range subjects {
		fmt.Fprintf(w, "%s: %s. ", s.name, s.version)
	}
	fmt.Fprint(w, "\n\n")
}

func cpu() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	if model := rig.Field(strings.ReplaceAll(string(data), "\t", ""), "model name"); model != "" {
		return model
	}
	return runtime.GOARCH
}

func kernel() string {
	data, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(data))
}
