package tests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// experiment is one line of lab run --format json.
type experiment struct {
	Name, Outcome, Error, Kept, Source string
	Evidence                           []string
	Rows                               []struct {
		What, Expected, Got string
		Agrees              bool
	}
}

// lab runs minirun lab, which has roots of its own, below TMPDIR.
func lab(r *rig.Rig, args ...string) *exec.Cmd {
	r.MinirunOnly("the lab is minirun's")
	cmd := exec.Command(r.Runtime.Path, append([]string{"lab"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+r.Path("tmp"))
	cmd.Stderr = os.Stderr
	if err := os.MkdirAll(r.Path("tmp"), 0o755); err != nil {
		r.Fatal(err)
	}
	return cmd
}

func experiments(r *rig.Rig, text []byte) (list []experiment) {
	r.Helper()
	for line := range bytes.Lines(text) {
		var e experiment
		if err := json.Unmarshal(line, &e); err != nil {
			r.Fatalf("%v: %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

// unplayable are the experiments for which this host has not what they need.
func unplayable() map[string]string {
	un := map[string]string{}
	if _, err := os.Stat("/sys/fs/cgroup/freezer/cgroup.procs"); err != nil {
		un["zap-frozen"] = "no version 1 freezer"
	}
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		un["abort"] = "no python3"
	}
	return un
}

// nothingLeft looks for what a lab may leave behind.
func nothingLeft(r *rig.Rig) {
	r.Helper()
	if files, _ := filepath.Glob(r.Path("tmp") + "/*"); len(files) > 0 {
		r.Errorf("left behind: %q", files)
	}
	r.CheckClean("the lab")
}

// This kernel answers every question as the rule says.
func TestLab(t *testing.T) {
	r := rig.New(t)
	names, err := lab(r, "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := lab(r, "run", "all", "--format", "json").Output()
	if err != nil {
		t.Error(err)
	}
	list := experiments(r, text)
	if want := bytes.Count(names, []byte("\n")); len(list) != want || want < 20 {
		t.Errorf("%d experiments of %d", len(list), want)
	}
	for _, e := range list {
		t.Run(e.Name, func(t *testing.T) {
			if why, ok := unplayable()[e.Name]; ok && e.Outcome == "skipped" {
				t.Skip(why)
			}
			if e.Outcome != "agrees" || len(e.Rows) == 0 {
				t.Errorf("%s: %s", e.Outcome, e.Error)
			}
			if len(e.Evidence) == 0 || e.Source == "" {
				t.Errorf("no evidence of the kernel's (source %q)", e.Source)
			}
			for _, row := range e.Rows {
				if !row.Agrees {
					t.Errorf("%s: %s, not %s", row.What, row.Got, row.Expected)
				}
			}
		})
	}
	nothingLeft(r)
}

// Any program of the host can be PID 1, with the host's files, which it cannot change.
func TestLabPlaysAnyProgram(t *testing.T) {
	r := rig.New(t)
	text, err := lab(r, "run", "kill-1", "--format", "json", "--", "sh", "-c",
		"trap 'exit 3' TERM; touch /usr/x 2>/dev/null && exit 9; while read line; do :; done").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := experiments(r, text)
	if len(list) != 1 || list[0].Outcome != "agrees" {
		t.Fatalf("%s", text)
	}
	ends := map[string]int{}
	for _, row := range list[0].Rows {
		ends[row.Got]++
	}
	if ends["exit 3"] != 2 || ends["lives"] != 1 || ends["killed by SIGKILL"] != 1 {
		t.Errorf("%s", text)
	}
	nothingLeft(r)
}

// A runtime that does something else than it is told is found out: this one
// sends KILL for TERM.
func TestLabFindsARuntimeThatDiffers(t *testing.T) {
	r := rig.New(t)
	liar := r.Path("liar")
	script := "#!/bin/sh\nfor a; do shift; [ \"$verb$a\" = kill15 ] && a=9; case $a in kill) verb=kill;; esac; set -- \"$@\" \"$a\"; done\nexec " + r.Runtime.Path + " \"$@\"\n"
	if err := os.WriteFile(liar, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := lab(r, "run", "--runtime", liar, "--format", "json", "zap", "zap-init", "re-raise").Output()
	if exit := (*exec.ExitError)(nil); err == nil {
		t.Error("a success")
	} else if !asExit(err, &exit) || exit.ExitCode() != 1 {
		t.Error(err)
	}
	list := experiments(r, text)
	want := map[string]string{"zap": "differs", "zap-init": "skipped", "re-raise": "failed"}
	for _, e := range list {
		if e.Outcome != want[e.Name] {
			t.Errorf("%s: %s", e.Name, e.Outcome)
		}
	}
	if len(list) != len(want) {
		t.Errorf("%s", text)
	}
	nothingLeft(r)
}

// ^C leaves nothing behind.
func TestLabCleansUpWhenInterrupted(t *testing.T) {
	r := rig.New(t)
	cmd := lab(r, "run", "kill-1", "zombies")
	cmd.Stderr = nil
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !rig.Eventually(func() bool { pids, _ := filepath.Glob(r.Path("tmp") + "/*/*/pid"); return len(pids) > 0 }) {
		t.Error("no container")
	}
	begin := time.Now()
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); !asExit(err, &exit) || exit.ExitCode() != 130 {
		t.Error(err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	nothingLeft(r)
}

// What is kept can be looked at, and deleted with the root that is named.
func TestLabKeeps(t *testing.T) {
	r := rig.New(t)
	text, err := lab(r, "run", "stop-cont", "--keep", "--format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	kept := experiments(r, text)[0].Kept
	root := kept + "/root"
	ids, err := exec.Command(r.Runtime.Path, "--root", root, "list", "--quiet").Output()
	if err != nil || strings.Count(string(ids), "\n") != 1 {
		t.Errorf("%q, %v", ids, err)
	}
	for _, id := range strings.Fields(string(ids)) {
		if out, err := exec.Command(r.Runtime.Path, "--root", root, "delete", "--force", id).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	if err := os.RemoveAll(kept); err != nil {
		t.Error(err)
	}
	nothingLeft(r)
}

func TestLabRefuses(t *testing.T) {
	r := rig.New(t)
	for _, args := range [][]string{
		{}, {"play"}, {"list", "all"}, {"run"}, {"run", "--keep"}, {"run", "no-such"}, {"run", "zap", "--", "sh"},
		{"run", "--format", "yaml", "zap"}, {"run", "--nope", "zap"}, {"run", "--runtime", "/no/such", "zap"}, {"run", "--runtime", "no-such", "zap"},
	} {
		cmd := lab(r, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if out, err := cmd.Output(); err == nil || len(out) > 0 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%v: %v, %s%s", args, err, out, &stderr)
		}
	}
}

func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*exit = e
	return ok
}

func TestLabRunHasHelp(t *testing.T) {
	r := rig.New(t)
	want, err := lab(r, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--help"}, {"run", "kill-1", "-h"}} {
		if got, err := lab(r, args...).Output(); err != nil || string(got) != string(want) {
			t.Errorf("%q: %v: %q", args, err, got)
		}
	}
}
