package engines

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// patience is what a daemon may take to start or to end on a busy machine.
const patience = 90 * time.Second

// A daemon is an engine's server process.
type daemon struct {
	cmd  *exec.Cmd
	log  string // path of its output
	ends chan error
}

// start starts a daemon and waits until ready succeeds. Its environment
// carries the run's marker, so that whatever it starts is found.
func start(r *rig.Rig, ready func() bool, name string, args ...string) *daemon {
	r.Helper()
	d := &daemon{cmd: exec.Command(name, args...), log: r.Path(strings.ReplaceAll(name, "/", "_") + ".log"), ends: make(chan error, 1)}
	out, err := os.Create(d.log)
	if err != nil {
		r.Fatal(err)
	}
	defer out.Close()
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.Env, d.cmd.Dir = out, out, environ(r), r.Mkdir("cwd")
	// It dies with the run also when that is killed.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	go func() { d.ends <- d.cmd.Wait() }()
	r.Cleanup(func() { d.stop(r) })
	for end := time.Now().Add(patience); !ready(); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-d.ends:
			d.ends <- err
			r.Fatalf("%s ended: %v\n%s", name, err, r.Read(d.log))
		default:
		}
		if time.Now().After(end) {
			r.Fatalf("%s is not ready\n%s", name, r.Read(d.log))
		}
	}
	return d
}

// stop ends a daemon: TERM, and KILL when that takes too long, which is an error.
func (d *daemon) stop(r *rig.Rig) {
	if r.Failed() {
		r.Logf("the last of %s:\n%s", d.log, lastLines(d.log, 12))
	}
	d.cmd.Process.Signal(unix.SIGTERM)
	select {
	case err := <-d.ends:
		d.ends <- err
	case <-time.After(patience):
		r.Errorf("%s does not end", d.cmd.Path)
		d.cmd.Process.Kill()
		<-d.ends
	}
}

// environ is what engines and their clients get: the marker, and directories of the rig.
func environ(r *rig.Rig) []string {
	home := r.Mkdir("home")
	env := []string{"MINIRUN_TEST=" + rig.Marker, "HOME=" + home, "TMPDIR=" + r.Mkdir("tmp"), "XDG_RUNTIME_DIR=",
		"CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1"}
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "CONTAINERD_ADDRESS", "DOCKER_HOST":
		default:
			env = append(env, v)
		}
	}
	return env
}

// program is an executable that tests/install brought.
func program(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		rig.Skip(t, "%v: run tests/install engines", err)
	}
	return path
}

func lastLines(path string, n int) string {
	data, _ := os.ReadFile(path)
	lines := bytes.SplitAfter(data, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], nil))
}
