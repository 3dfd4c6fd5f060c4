// Conformance runs the OCI validation suite (github.com/opencontainers/runtime-tools)
// against minirun and compares what each program says with what it should:
// one line a program, and exit code 1 on any difference, for the better or
// the worse. The suite does not judge itself: some of its programs end with
// code 0 and no assertion when they fail, so a pass here is code 0, no
// `not ok`, as many `ok` as testdata/expected.tsv has, and no error that
// belongs to no assertion.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"minirun/tests/rig"
)

func main() {
	runtime := flag.String("runtime", "bin/minirun", "the runtime to judge")
	only := flag.String("only", "", "run only programs that match this regular expression")
	cache := flag.String("cache", defaultCache(), "where the suite is built")
	flag.Parse()
	good, err := conform(*runtime, *only, *cache)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// conform runs the programs of class target and tells whether each did what
// is expected of this runtime.
func conform(runtime, only, cache string) (bool, error) {
	if os.Geteuid() != 0 {
		return false, fmt.Errorf("it needs root")
	}
	if err := rig.Isolate(); err != nil {
		return false, err
	}
	if err := rig.MountMissingV1(); err != nil {
		return false, err
	}
	rt, err := rig.Identify(runtime)
	if err != nil {
		return false, err
	}
	filter, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	list, err := targets()
	if err != nil {
		return false, err
	}
	s, err := install(cache, list)
	if err != nil {
		return false, err
	}
	defer s.lock.Close()
	st, err := newStage(s, rt.Path)
	if err != nil {
		return false, err
	}
	defer st.close()
	return judge(st, list, filter)
}

// judge runs each program and prints its line and the sum.
func judge(st *stage, list []program, filter *regexp.Regexp) (bool, error) {
	passed, surprises := 0, 0
	for _, p := range list {
		if !filter.MatchString(p.name) {
			continue
		}
		o, err := st.run(p.name)
		for tries := 1; err == nil && tries < attempts(p.name) && o.verdict(p.ok) != ""; tries++ {
			o, err = st.run(p.name)
		}
		if err != nil {
			return false, err
		}
		why := o.verdict(p.ok)
		if why == "" {
			passed++
		}
		line, surprise := report(p, expectedFailure(p.name), why)
		fmt.Println(line)
		if surprise {
			surprises++
			fmt.Print(o.text())
		}
	}
	fmt.Printf("%d of %d pass\n%d passed, %d failed\n", passed, len(list), passed, surprises)
	return surprises == 0, nil
}

// defaultCache is below the user's cache directory.
func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "minirun", "conformance")
}

// lockFile waits until no other run of the suite is under way: its cgroups
// have fixed names.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return f, syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}
