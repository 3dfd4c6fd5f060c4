package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A suite is a package's tests, or some of them.
type suite struct {
	name      string
	pkg       string // below the top of the repository
	files     string // its tests are those of these files, without "_test.go"; empty: all
	run, skip string // of the test binary: -test.run, -test.skip
	limit     time.Duration
}

// suites are those whose answer depends on the kernel, on cgroup v2 or on
// systemd. The limits are for a machine without KVM, 20 times slower.
func suites() []suite {
	return []suite{
		{name: "systemd", pkg: "tests", files: "systemd_vm", limit: 5 * time.Minute},
		{name: "cgroups", pkg: "cgroups", limit: 5 * time.Minute},
		{name: "lifecycle", pkg: "tests", files: "lifecycle run", limit: 10 * time.Minute},
		{name: "pid1", pkg: "tests", files: "pid1 init", limit: 10 * time.Minute},
		{name: "resources", pkg: "tests", files: "resources devices update pids", limit: 10 * time.Minute},
		{name: "exec", pkg: "tests", files: "exec namespaces broken wait hooks", limit: 10 * time.Minute},
		{name: "userns", pkg: "tests", files: "userns userns_joined rootless", limit: 10 * time.Minute},
		{name: "mounts", pkg: "tests", files: "mounts mount_linux idmap hostile", limit: 15 * time.Minute},
		{name: "process", pkg: "tests", files: "process scheduling timens terminal stdio parent subreap netdevices stop_annotation", limit: 15 * time.Minute},
		{name: "races", pkg: "tests", files: "race exec_race", limit: 15 * time.Minute},
		{name: "seccomp", pkg: "tests", files: "seccomp seccomp_notify", limit: 10 * time.Minute},
		{name: "runtime", pkg: "runtime", limit: 10 * time.Minute},
		{name: "inits", pkg: "tests", files: "init_signals init_terminal init_programs stop ps", limit: 10 * time.Minute},
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)

// pattern is what -test.run selects.
func (s suite) pattern() (string, error) {
	if s.run != "" || s.files == "" {
		return s.run, nil
	}
	var names []string
	for file := range strings.FieldsSeq(s.files) {
		text, err := os.ReadFile(filepath.Join(s.pkg, file+"_test.go"))
		if err != nil {
			return "", err
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			if string(m[1]) != "TestMain" {
				names = append(names, string(m[1]))
			}
		}
	}
	return "^(" + strings.Join(names, "|") + ")$", nil
}

// line is the suite as guest reads it.
func (s suite) line() (string, error) {
	args := []string{"/minirun/bin/" + s.program(), "-test.v", fmt.Sprintf("-test.timeout=%v", s.limit-10*time.Second)}
	run, err := s.pattern()
	if err != nil {
		return "", err
	}
	if run != "" {
		args = append(args, "-test.run='"+run+"'")
	}
	if s.skip != "" {
		args = append(args, "-test.skip='"+s.skip+"'")
	}
	return fmt.Sprintf("%s %d %s %s\n", s.name, int(s.limit.Seconds()), s.pkg, strings.Join(args, " ")), nil
}

// program is the file name of the test binary.
func (s suite) program() string { return strings.ReplaceAll(s.pkg, "/", "-") + ".test" }
