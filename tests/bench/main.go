// Bench measures minirun beside whichever of runc, crun and unshare(1) the
// machine has, one run of each in turn (A B C A B C …), so that what disturbs
// the machine disturbs all alike. It prints medians, and what minirun's is of
// each peer's, as a Markdown table, and asserts nothing.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"

	"minirun/tests/rig"
)

func main() {
	minirun := flag.String("minirun", "bin/minirun", "the minirun to measure")
	peers := flag.String("peers", "runc crun unshare", "what to measure beside it; paths are welcome")
	n := flag.Int("n", 60, "runs of each scenario for each subject")
	only := flag.String("only", "", "measure only scenarios that match this regular expression")
	flag.Parse()
	if err := bench(*minirun, *peers, *n, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench measures and prints.
func bench(minirun, peers string, n int, only string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it needs root")
	}
	if err := rig.Isolate(); err != nil {
		return err
	}
	if err := rig.MountMissingV1(); err != nil {
		return err
	}
	filter, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	subjects, err := find(minirun, strings.Fields(peers))
	if err != nil {
		return err
	}
	if err := s.bring(subjects); err != nil {
		return err
	}
	t := newTable(subjects)
	for _, sc := range scenarios() {
		if filter.MatchString(sc.name) {
			t.rows = append(t.rows, s.measure(sc, subjects, n))
		}
	}
	machine(os.Stdout, subjects, n)
	t.print(os.Stdout)
	return s.benchInits(findInits(subjects[0]), filter)
}

// benchInits measures what may be PID 1, in containers of minirun's.
func (s *stage) benchInits(inits []subject, filter *regexp.Regexp) error {
	s.minirun = inits[0].path
	t := newTable(inits)
	for _, sc := range initScenarios() {
		if filter.MatchString(sc.name) {
			t.rows = append(t.rows, s.measure(sc, inits, sc.rounds))
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	fmt.Println("\nWhat may be PID 1 of such a container, interleaved likewise:")
	for _, i := range inits[1:] {
		fmt.Printf("%s: %s. ", i.name, i.version)
	}
	fmt.Print("\n\n")
	t.print(os.Stdout)
	return nil
}

// warmup runs are not counted: they load the page cache.
func (sc scenario) warmup() int {
	if sc.rounds > 0 {
		return 1
	}
	return 3
}

// measure runs one scenario n times for each subject, by turns, each round in
// an order of its own: what a container leaves behind in the kernel for some
// milliseconds, such as cpusets that are switched on by patching its text
// (cpusets_enabled_key, kernel/cgroup/cpuset.c), is to nobody's gain.
func (s *stage) measure(sc scenario, subjects []subject, n int) row {
	r := row{scenario: sc, values: make([][]float64, len(subjects))}
	if sc.once {
		n = min(n, 5)
	}
	begun, order := time.Now(), rand.New(rand.NewPCG(0, 0))
	for i := range n + sc.warmup() {
		for _, k := range order.Perm(len(subjects)) {
			do, sub := sc.do, subjects[k]
			if sub.kind == "unshare" {
				do = sc.bare
			}
			if do == nil || r.failed(k) || sc.own && k > 0 {
				continue
			}
			v, err := do(s, sub)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", sc.name, sub.name, err)
				r.values[k] = nil
				r.errs = append(r.errs, k)
				continue
			}
			if i >= sc.warmup() {
				r.values[k] = append(r.values[k], v)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%-45s %v\n", sc.name, time.Since(begun).Round(time.Millisecond))
	return r
}
