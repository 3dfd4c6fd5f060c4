package lab

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A hostProgram is one that many hosts have and that makes a PID 1 of its kind.
type hostProgram struct {
	name  string
	args  []string
	after string // its fate when it takes TERM; empty: whatever it does
}

// hostPrograms are those that this host has. They sleep, or read a standard
// input that never says anything; java's listens in a network of its own. gofmt stands for a Go program: the runtime of
// the language catches TERM, and ends with 2.
func hostPrograms() []hostProgram {
	var have []hostProgram
	for _, p := range []hostProgram{
		{"bash", []string{"bash", "-c", "while read line; do :; done"}, ""},
		{"dash", []string{"dash", "-c", "while read line; do :; done"}, ""},
		{"busybox sh", []string{"busybox", "sh", "-c", "while read line; do :; done"}, ""},
		{"tini", []string{"tini", "sleep", "1000"}, exited(128 + 15)},
		{"dumb-init", []string{"dumb-init", "sleep", "1000"}, exited(128 + 15)},
		{"catatonit", []string{"catatonit", "sleep", "1000"}, exited(128 + 15)},
		{"python", []string{"python3", "-c", "import sys; sys.stdin.read()"}, ""},
		{"node", []string{"node", "-e", "setInterval(() => {}, 1e6)"}, ""},
		{"java", []string{"java", "-m", "java.rmi/sun.rmi.registry.RegistryImpl"}, exited(128 + 15)},
		{"Go (gofmt)", []string{"gofmt"}, exited(2)},
	} {
		if path := lookPath(p.args[0]); path != "" {
			p.args[0] = path
			have = append(have, p)
		}
	}
	return have
}

// lookPath finds a program where distributions put them. A user's own PATH
// leads to wrappers that need more than the program.
func lookPath(name string) string {
	return lookIn("/usr/bin:/bin:/usr/sbin:/usr/local/bin:/usr/local/go/bin:/usr/lib/go/bin", name)
}

func lookIn(path, name string) string {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// FindRuntime is the path of a runtime's executable, looked up in PATH when
// its name has no slash. The error wraps fs.ErrNotExist.
func FindRuntime(name string) (string, error) {
	path := name
	if !strings.Contains(name, "/") {
		path = lookIn(os.Getenv("PATH"), name)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find runtime %q: %w", name, fs.ErrNotExist)
	}
	return path, nil
}

// Nothing tells when a strange program has done with its preparations. It is
// taken to have when for calm no thread of it has worked and its dispositions
// are the same.
const (
	glance = 50 * time.Millisecond
	calm   = 400 * time.Millisecond
)

// settled waits until a program of the host's sits still, or for patience.
func (x *box) settled() {
	last, since, end := "", time.Now(), time.Now().Add(patience)
	for time.Now().Before(end) && time.Since(since) < calm {
		if x.ended(glance) {
			x.must(broke("the program ended by itself: " + x.how))
		}
		task := x.task()
		if now := x.fingerprint(task); now != last || works(task) {
			last, since = now, time.Now()
		}
	}
}
