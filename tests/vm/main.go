// Vm boots a Debian with systemd as PID 1 and cgroup v2 alone under qemu, runs
// test binaries that were built here in it, and prints what became of them. It
// needs no KVM, and uses it where there is one. With -record it writes
// RESULT.md, which is the account of one real run.
//
// image makes the machine, guest is what runs inside.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	dir := flag.String("dir", "bin/vm", "where the machine's image is kept")
	only := flag.String("suite", "", "run only suites that match this regular expression")
	run := flag.String("run", "", "in place of each suite's own choice of tests, those that match this")
	deadline := flag.Duration("deadline", time.Hour, "for everything, from the machine's start to its end")
	record := flag.Bool("record", false, "write tests/vm/RESULT.md")
	flag.Parse()
	if err := vm(*dir, *only, *run, *deadline, *record); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// vm is an error unless every test of the suites ran and passed.
func vm(dir, only, run string, deadline time.Duration, record bool) error {
	filter, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := command(nil, "tests/vm/image", dir); err != nil {
		return err
	}
	commit, err := commit()
	if err != nil {
		return err
	}
	var chosen []suite
	for _, s := range suites() {
		if filter.MatchString(s.name) {
			if run != "" {
				s.run, s.skip = run, ""
			}
			chosen = append(chosen, s)
		}
	}
	if err := stage(dir, chosen); err != nil {
		return err
	}
	r := report{Date: time.Now().UTC(), Commit: commit}
	cause := boot(dir, deadline, func(line string) {
		fmt.Println(line)
		r.read(line)
	})
	if record {
		if err := os.WriteFile("tests/vm/RESULT.md", []byte(r.markdown()), 0o644); err != nil {
			return err
		}
	}
	fmt.Print(r.summary())
	if cause != nil {
		return cause
	}
	return r.verdict(len(chosen))
}
