package main

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"minirun/runtime"
	"minirun/tests/golden"
)

// result is what one invocation leaves behind.
type result struct {
	code           int
	stdout, stderr string
}

// minirun runs the command line in this process.
func minirun(t *testing.T, args ...string) result {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	r := result{code: cli(args, nil, files[0], files[1])}
	r.stdout, r.stderr = content(t, files[0]), content(t, files[1])
	return r
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rootWith makes a root in which there are stopped containers.
func rootWith(t *testing.T, ids ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, id := range ids {
		r := runtime.Record{
			OCIVersion: "1.0.2", ID: id, Bundle: "/b/" + id, Rootfs: "/b/" + id + "/rootfs", Pid: 1 << 29,
			Created: time.Date(2026, 11, 22, 4, 26, 10, 198259244, time.UTC), Annotations: map[string]string{"k": "v"},
		}
		if err := os.Mkdir(filepath.Join(root, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, id, "state.json"), r.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWrongUsageIsOneLineAndItsExitCodeIsRuncs(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"frob", 3, `unknown verb "frob" (see minirun --help)`},
		{"help frob", 3, `unknown verb "frob" (see minirun --help)`},
		{"--nope list", 1, "flag provided but not defined: --nope (see minirun --help)"},
		{"-x list", 1, "flag provided but not defined: -x (see minirun --help)"},
		{"--root", 1, "flag needs an argument: --root (see minirun --help)"},
		{"--log-format yaml list", 1, `unknown --log-format "yaml": want text or json`},
		{"--rootless maybe list", 1, `unknown --rootless "maybe": want true, false or auto`},
		{"state", 1, "state: want ID, got 0 arguments (see minirun state --help)"},
		{"state a b", 1, "state: want ID, got 2 arguments (see minirun state --help)"},
		{"state --nope a", 1, "state: flag provided but not defined: --nope (see minirun state --help)"},
		{"start", 1, "start: want ID, got 0 arguments (see minirun start --help)"},
		{"create", 1, "create: want ID, got 0 arguments (see minirun create --help)"},
		{"create a b", 1, "create: want ID, got 2 arguments (see minirun create --help)"},
		{"create --preserve-fds x a", 1, `create: invalid value "x" for flag --preserve-fds: parse error (see minirun create --help)`},
		{"create --preserve-fds -1 a", 1, "create a: --preserve-fds -1: want a number of descriptors"},
		{"create -b", 1, "create: flag needs an argument: -b (see minirun create --help)"},
		{"run", 1, "run: want BUNDLE | ID, got 0 arguments (see minirun run --help)"},
		{"run --detach=maybe a", 1, `run: invalid boolean value "maybe" for --detach: parse error (see minirun run --help)`},
		{"kill", 1, "kill: want ID [SIGNAL], got 0 arguments (see minirun kill --help)"},
		{"kill a TERM b", 1, "kill: want ID [SIGNAL], got 3 arguments (see minirun kill --help)"},
		{"kill a --all", 1, "kill: flags go before the arguments: --all (see minirun kill --help)"},
		{"kill a FOO", 1, `kill a: unknown signal "FOO"`},
		{"delete a -f", 1, "delete: flags go before the arguments: -f (see minirun delete --help)"},
		{"list a", 1, "list: want no arguments, got 1 arguments (see minirun list --help)"},
		{"list --format xml", 1, `list: unknown --format "xml": want table or json`},
		{"plan --arch mips", 1, `plan: unknown --arch "mips": want amd64 or arm64`},
		{"plan --format xml", 1, `plan: unknown --format "xml": want text or json`},
		{"spec x", 1, "spec: want no arguments, got 1 arguments (see minirun spec --help)"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			got := minirun(t, strings.Fields(tt.args)...)
			want := result{tt.code, "", "minirun: " + tt.want + "\n"}
			if got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestVerbsOnContainersThatDoNotExist(t *testing.T) {
	root := rootWith(t)
	for args, want := range map[string]result{
		"state c1":          {1, "", "minirun: state c1: container does not exist\n"},
		"start c1":          {1, "", "minirun: start c1: container does not exist\n"},
		"kill c1":           {1, "", "minirun: kill c1: container does not exist\n"},
		"kill --all c1 9":   {1, "", "minirun: kill c1: container does not exist\n"},
		"delete c1":         {1, "", "minirun: delete c1: container does not exist\n"},
		"delete --force c1": {0, "", ""},
		"delete -f c1":      {0, "", ""},
		"list":              {0, "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n", ""},
		"list -q":           {0, "", ""},
		"list -f json":      {0, "[]\n", ""},
	} {
		if got := minirun(t, append([]string{"--root", root}, strings.Fields(args)...)...); got != want {
			t.Errorf("%s: got %+v, want %+v", args, got, want)
		}
	}
}

func TestVerbsOnStoppedContainers(t *testing.T) {
	root := rootWith(t, "c1", "c2")
	at := func(args string) result {
		return minirun(t, append([]string{"--root=" + root}, strings.Fields(args)...)...)
	}
	golden.Check(t, "state.txt", []byte(at("state c1").stdout))
	golden.Check(t, "list.txt", []byte(at("list").stdout))
	golden.Check(t, "list.json", []byte(at("list --format=json").stdout))
	for _, tt := range []struct {
		args string
		want result
	}{
		{"list --quiet", result{0, "c1\nc2\n", ""}},
		{"kill c1", result{1, "", "minirun: kill c1: container not running\n"}},
		{"kill c1 SIGKILL", result{1, "", "minirun: kill c1: container not running\n"}},
		{"kill --all c1 9", result{0, "", ""}},
		{"kill -a c1", result{0, "", ""}},
		{"start c1", result{1, "", "minirun: start c1: cannot start a container that has stopped\n"}},
		{"delete c1", result{0, "", ""}},
		{"delete -f c2", result{0, "", ""}},
		{"list -q", result{0, "", ""}},
	} {
		if got := at(tt.args); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.args, got, tt.want)
		}
	}
}

func TestFlagsInEverySpelling(t *testing.T) {
	root := rootWith(t, "c1")
	log := filepath.Join(t.TempDir(), "log")
	for _, global := range [][]string{
		{"--root", root}, {"--root=" + root}, {"-root", root},
		{"--root", root, "--log", log, "--log-format", "json", "--debug=false"},
		{"--log=" + log, "--log-format=json", "--rootless=false", "--systemd-cgroup=false", "--root=" + root},
		{"--rootless", "auto", "--root", root, "--"},
	} {
		for _, verb := range [][]string{{"list", "-q"}, {"list", "--quiet"}, {"list", "--quiet=true"}, {"list", "-q", "--"}} {
			if got := minirun(t, append(global, verb...)...); got != (result{0, "c1\n", ""}) {
				t.Errorf("%q %q: got %+v", global, verb, got)
			}
		}
	}
}

func TestHelpIsTheSameHoweverItIsAskedFor(t *testing.T) {
	golden.Check(t, "help/minirun.txt", []byte(minirun(t).stdout))
	for _, ask := range []string{"--help", "-h", "help", "--root /x --help"} {
		if got := minirun(t, strings.Fields(ask)...); got != (result{0, string(overview()), ""}) {
			t.Errorf("%s: got %+v", ask, got)
		}
	}
	for _, v := range verbs {
		golden.Check(t, "help/"+v.name+".txt", v.text())
		for _, ask := range []string{v.name + " --help", v.name + " -h", "help " + v.name} {
			if got := minirun(t, strings.Fields(ask)...); got != (result{0, string(v.text()), ""}) {
				t.Errorf("%s: got %+v", ask, got)
			}
		}
	}
}

var flagInHelp = regexp.MustCompile(`(?m)^  (?:-([a-z]), )?(?:    )?--([a-z][a-z0-9-]*)`)

func TestHelpHasEveryFlagAndNoOther(t *testing.T) {
	for _, v := range verbs {
		f := newFlags()
		v.setup(f)
		sameFlags(t, v.name, f, string(v.text()), "")
	}
	f := newFlags()
	(&globals{}).define(f)
	sameFlags(t, "minirun", f, string(overview()), "h help")
}

func sameFlags(t *testing.T, name string, f *flag.FlagSet, help, also string) {
	t.Helper()
	told := map[string]bool{}
	for _, m := range flagInHelp.FindAllStringSubmatch(help, -1) {
		for _, flag := range m[1:] {
			told[flag] = flag != ""
		}
	}
	f.VisitAll(func(fl *flag.Flag) {
		if !told[fl.Name] {
			t.Errorf("%s: the help does not tell of %s", name, fl.Name)
		}
		delete(told, fl.Name)
	})
	for flag := range told {
		if told[flag] && !strings.Contains(" "+also+" ", " "+flag+" ") {
			t.Errorf("%s: the help tells of %s, which is no flag", name, flag)
		}
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	texts := []string{string(overview())}
	for _, v := range verbs {
		texts = append(texts, string(v.text()))
		if !strings.Contains(v.help, "\nExamples:\n  ") {
			t.Errorf("%s has no examples", v.name)
		}
	}
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if len(line) > 81 {
				t.Errorf("%d columns: %s", len(line)-1, line)
			}
		}
	}
}

// dockerd takes the runtime's version from the first line, and the last line
// that has the word; go-runc takes commit and spec.
func TestVersionIsWhatEnginesParse(t *testing.T) {
	got := minirun(t, "--version")
	want := regexp.MustCompile(`^runc version 1\.3\.0 \(minirun [^()\s]+\)\ncommit: \S+\nspec: 1\.3\.0\ngo: go1\.\S+\nminirun: \S+ linux/\w+\n$`)
	if got.code != 0 || got.stderr != "" || !want.MatchString(got.stdout) {
		t.Errorf("got %+v", got)
	}
	if again := minirun(t, "-v"); again != got {
		t.Errorf("-v: got %+v", again)
	}
	if again := minirun(t, "version"); again != got {
		t.Errorf("version: got %+v", again)
	}
}

func TestFeaturesIsJSON(t *testing.T) {
	got := minirun(t, "features")
	if got.code != 0 || got.stderr != "" || !json.Valid([]byte(got.stdout)) {
		t.Errorf("got %+v", got)
	}
}

func TestSpecWritesAConfigOnce(t *testing.T) {
	dir := t.TempDir()
	if got := minirun(t, "spec", "-b", dir); got != (result{}) {
		t.Fatalf("got %+v", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil || !json.Valid(text) {
		t.Errorf("%v: %s", err, text)
	}
	if got := minirun(t, "spec", "--bundle="+dir); got != (result{1, "", "minirun: spec: File config.json exists. Remove it first\n"}) {
		t.Errorf("got %+v", got)
	}
	got := minirun(t, "spec", "-b", filepath.Join(dir, "none"))
	if got.code != 1 || !strings.Contains(got.stderr, "no such file or directory") {
		t.Errorf("got %+v", got)
	}
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	stderr, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	if code := cli([]string{"features"}, nil, full, stderr); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if got := content(t, stderr); !strings.Contains(got, "no space left on device") {
		t.Errorf("stderr: %s", got)
	}
}
