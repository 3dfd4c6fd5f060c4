package cgroups

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLifeOfAGroup is what a container costs here: create, limits, join,
// delete. The phases are reported in µs; the child's own time is in none.
func BenchmarkLifeOfAGroup(b *testing.B) {
	h, err := Look()
	must(b, err)
	r := resources(b, `{"devices":[{"allow":false,"access":"rwm"}],"memory":{"limit":67108864,"swap":134217728},"cpu":{"shares":512},"pids":{"limit":50}}`)
	for name, v := range views(b) {
		b.Run(name, func(b *testing.B) {
			var spent [4]time.Duration
			b.ReportAllocs()
			for i := range b.N {
				g, err := v(h).Group(fmt.Sprintf("/minirun-test-bench-%d", i), "")
				must(b, err)
				cmd := exec.Command("/bin/sleep", "1000")
				must(b, cmd.Start())
				phase := func(n int, f func() error) {
					start := time.Now()
					must(b, f())
					spent[n] += time.Since(start)
				}
				phase(0, g.Create)
				if g.v1("memory") != "" {
					phase(1, func() error { return g.Set(r) })
				} else {
					phase(1, func() error { return g.setDevices(r.Devices) })
				}
				phase(2, func() error { return g.Join(cmd.Process.Pid) })
				must(b, cmd.Process.Kill())
				_ = cmd.Wait()
				phase(3, g.Delete)
			}
			for n, what := range []string{"create", "set", "join", "delete"} {
				b.ReportMetric(float64(spent[n].Microseconds())/float64(b.N), what+"-µs")
			}
		})
	}
}

// BenchmarkBareCalls is the same with nothing but the system calls: the floor.
func BenchmarkBareCalls(b *testing.B) {
	h, err := Look()
	must(b, err)
	g, err := h.Group("/minirun-test-bench-bare", "")
	must(b, err)
	b.ReportAllocs()
	var made, gone time.Duration
	for b.Loop() {
		start := time.Now()
		for _, d := range g.dirs {
			must(b, syscall.Mkdir(d.path, 0o755))
		}
		made += time.Since(start)
		start = time.Now()
		for _, d := range g.dirs {
			must(b, syscall.Rmdir(d.path))
		}
		gone += time.Since(start)
	}
	b.ReportMetric(float64(made.Microseconds())/float64(b.N), "mkdir-µs")
	b.ReportMetric(float64(gone.Microseconds())/float64(b.N), "rmdir-µs")
}
