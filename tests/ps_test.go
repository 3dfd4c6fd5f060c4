package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func pidsOf(c *rig.Container) []int {
	c.Helper()
	var pids []int
	text := c.OK("ps", "--format", "json", c.ID).Stdout
	if err := json.Unmarshal([]byte(text), &pids); err != nil || strings.Count(text, "\n") != 1 {
		c.Fatalf("%v: %q", err, text)
	}
	return pids
}

func TestPsAsRuncHasIt(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	other := detached(c, "sleep", "2000")
	if pids := pidsOf(c); !slices.Contains(pids, c.Pid()) || !slices.Contains(pids, other) || len(pids) != 2 {
		t.Errorf("pids %v", pids)
	}
	for _, tt := range []struct {
		args []string
		head string
	}{
		{[]string{"ps", c.ID}, "UID "}, {[]string{"ps", "--format", "table", c.ID, "-ef"}, "UID "},
		{[]string{"ps", c.ID, "-o", "pid,args"}, "PID COMMAND"},
	} {
		x := r.OK(tt.args...)
		lines := strings.Split(strings.TrimSpace(x.Stdout), "\n")
		if len(lines) != 3 || !strings.HasPrefix(strings.TrimSpace(lines[0]), tt.head) || !strings.Contains(x.Stdout, "sleep 2000") {
			t.Errorf("%v: %s", tt.args, x.Stdout)
		}
	}
	c.Stop()
	if x := r.OK("ps", "--format", "json", c.ID); x.Stdout != "null\n" {
		t.Errorf("stopped: %q", x.Stdout)
	}
	check(t, r.Do("ps", c.ID+"-no"), unknown, r.Runtime.Kind)
	if x := r.Do("ps", "--format", "yaml", c.ID); x.Code == 0 {
		t.Error("an unknown format is accepted")
	}
}

// Without ps(1), podman's cleanup has not even a PATH, the table is minirun's.
func TestPsWithoutPs(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("runc fails")
	c := idle(r)
	x := r.DoWith([]rig.Option{rig.Env("HOME=/")}, "ps", c.ID)
	if x.Code != 0 || !strings.HasPrefix(x.Stdout, "PID ") || !strings.Contains(x.Stdout, "sleep 1000") {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

func TestPsTellsAll(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--wide and --tree")
	c := r.Container(rig.Sh(`trap "" HUP; trap : TERM; sh -c 'sleep 1001; true' & true & exec sleep 1002`)).MustCreate().MustStart()
	row := func(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?m)^` + pattern) }
	for _, flag := range []string{"--tree", "--wide"} {
		var text string
		rows := []*regexp.Regexp{
			row(fmt.Sprintf(`1 +%d +\d+ +S +1 +\S+ +.*ignores HUP.* sleep 1002$`, c.Pid())),
			row(fmt.Sprintf(`2 +\d+ +%d +S +1 +\S*wait\S* .*sh -c sleep 1001; true$`, c.Pid())),
			row(`4 +\d+ +\d+ +S +1 .* sleep 1001$`),
			row(fmt.Sprintf(`3 +\d+ +%d +Z +\d +\S+ +- .*<not waited for by its parent %d \(sleep\), %s>$`, c.Pid(), c.Pid(), zombieFor())),
		}
		if !rig.Eventually(func() bool {
			text = r.OK("ps", flag, c.ID).Stdout
			return !slices.ContainsFunc(rows, func(re *regexp.Regexp) bool { return !re.MatchString(text) })
		}) {
			t.Errorf("%s:\n%s", flag, text)
		}
		head, _, _ := strings.Cut(text, "\n")
		line := row(`.* sleep 1001$`).FindString(text)
		if nested := strings.Index(line, "sleep 1001") > strings.Index(head, "COMMAND"); nested != (flag == "--tree") {
			t.Errorf("%s:\n%s", flag, text)
		}
	}
}

// zombieFor matches for how long a zombie without threads has been one.
func zombieFor() string {
	const age = `(\d+h)?(\d+m)?[\d.]+m?s`
	if _, err := os.Stat("/proc/self/sched"); err != nil {
		return "for at most " + age // Linux before 6.15, without CONFIG_SCHED_DEBUG
	}
	return "for (at least )?" + age
}

// A zombie is dated by its end, not by its start; PID 1 is sleep, which waits for nobody.
func TestPsTellsSinceWhenAZombieIsOne(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--wide")
	c := r.Container(rig.Sh(`sleep 1001 & exec sleep 1002`)).MustCreate().MustStart()
	time.Sleep(time.Second)
	killed := time.Now()
	if err := unix.Kill(child(c), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	dated := regexp.MustCompile(`\(sleep\), (` + zombieFor() + `)>`)
	var row []string
	if !rig.Eventually(func() bool {
		row = dated.FindStringSubmatch(r.OK("ps", "--wide", c.ID).Stdout)
		return row != nil
	}) {
		t.Fatal(r.OK("ps", "--wide", c.ID).Stdout)
	}
	words := strings.Fields(row[1])
	age, err := time.ParseDuration(words[len(words)-1])
	if passed := time.Since(killed); err != nil || age > passed && !strings.Contains(row[1], "at most") {
		t.Errorf("%s, %v after its end: %v", row[0], passed, err)
	}
}

// Which limit is hit: the table's last line counts tasks, and forks that were refused.
func TestPsTellsOfTheTasks(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--wide")
	c := r.Container(rig.Sh("sh -c 'while :; do sleep 1000 & done'; exec sleep 1000"), pidsLimit(4)).MustCreate().MustStart()
	counts := regexp.MustCompile(`(?m)^pids\.max 4 \(3 of 4, 1 fork refused\)$`)
	text := ""
	if !rig.Eventually(func() bool { text = r.OK("ps", "--wide", c.ID).Stdout; return counts.MatchString(text) }) {
		t.Error(text)
	}
}

func TestPsOfAHostPIDNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--wide")
	c := idle(r, rig.HostNamespace(specs.PIDNamespace))
	if x := r.OK("ps", "--wide", c.ID); strings.Count(x.Stdout, "\n") != 3 || !strings.Contains(x.Stdout, "\n-  ") {
		t.Error(x.Stdout)
	}
}
