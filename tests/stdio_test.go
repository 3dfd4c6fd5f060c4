package tests

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// pipes are three pipes; the first of each pair is for the runtime.
func pipes(t *testing.T) (in, out, err [2]*os.File) {
	t.Helper()
	for _, p := range []*[2]*os.File{&out, &err} {
		r, w, e := os.Pipe()
		if e != nil {
			t.Fatal(e)
		}
		p[0], p[1] = w, r
	}
	r, w, e := os.Pipe()
	if e != nil {
		t.Fatal(e)
	}
	return [2]*os.File{r, w}, out, err
}

// eof reads until the end of file, which has to come in time.
func eof(t *testing.T, f *os.File) string {
	t.Helper()
	f.SetReadDeadline(time.Now().Add(rig.Deadline / 2))
	data, err := io.ReadAll(f)
	if err != nil {
		t.Errorf("no end of file: %v", err)
	}
	f.Close()
	return string(data)
}

// docker run sees its output's end only if nothing but the container's own
// processes holds the pipes.
func TestPipesAreTheContainersAlone(t *testing.T) {
	for _, verb := range []string{"create and start", "run -d"} {
		t.Run(verb, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container(rig.Sh("read -r line; echo got $line; echo oops >&2"))
			in, out, errs := pipes(t)
			args := []string{"create", "--bundle", c.Bundle, c.ID}
			if verb == "run -d" {
				args = []string{"run", "-d", "--bundle", c.Bundle, c.ID}
			}
			if x := r.DoWith([]rig.Option{rig.Stdio(in[0], out[0], errs[0])}, args...); x.Code != 0 {
				t.Fatalf("code %d", x.Code)
			}
			for _, f := range []*os.File{in[0], out[0], errs[0]} {
				f.Close()
			}
			if verb != "run -d" {
				c.MustStart()
			}
			fmt.Fprintln(in[1], "input")
			if got := eof(t, out[1]); got != "got input\n" {
				t.Errorf("stdout %q", got)
			}
			if got := eof(t, errs[1]); got != "oops\n" {
				t.Errorf("stderr %q", got)
			}
			in[1].Close()
			c.WaitStopped()
			c.MustDelete()
		})
	}
}

// The end of stdin reaches the container: nobody holds the writing end.
func TestEndOfStdinReachesTheContainer(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("cat; echo end"))
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	call := r.Spawn([]string{"run", "--bundle", c.Bundle, c.ID}, rig.Stdin(in))
	in.Close()
	fmt.Fprint(w, "text\n")
	w.Close()
	if x := call.Wait(); x.Stdout != "text\nend\n" {
		t.Errorf("stdout %q", x.Stdout)
	}
}

// A daemon may start the runtime with none of 0, 1 and 2 open.
func TestClosedStdio(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 fails with its own descriptors at 0, 1 and 2")
	c := r.Container(rig.Sh("exit 7"))
	sh := fmt.Sprintf("exec %s --root %s run --bundle %s %s <&- >&- 2>&-", r.Runtime.Path, r.Root, c.Bundle, c.ID)
	if code := r.Shell(sh); code != 7 {
		t.Errorf("code %d, not 7", code)
	}
}

// inherited are n descriptors to pass, each of a file that holds its number.
func inherited(r *rig.Rig, n int) []*os.File {
	var files []*os.File
	for i := range n {
		f, err := os.Open(r.Write(fmt.Sprintf("fd%d", i+3), fmt.Sprintf("file %d\n", i+3), 0o644))
		if err != nil {
			r.Fatal(err)
		}
		r.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}

func TestNoDescriptorLeaksIn(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 marks only what it opened itself: an engine's descriptors go in")
	c := r.Container(rig.Args("ls", "/proc/self/fd"))
	if x := c.RunWith([]rig.Option{rig.Files(inherited(r, 18)...)}); !onlyStdio(x.Stdout) {
		t.Errorf("descriptors in the container: %q", x.Stdout)
	}
}

// onlyStdio tells whether a listing has 0, 1, 2 and the one that ls reads with.
func onlyStdio(listing string) bool {
	return strings.Join(strings.Fields(listing), " ") == "0 1 2 3"
}

func TestCreatedInitHoldsNothing(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the init that waits holds stdio, its socket and its report, no more")
	c := r.Container()
	if x := c.CreateWith([]rig.Option{rig.Files(inherited(r, 18)...)}); x.Code != 0 {
		t.Fatal(x.Stderr)
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.Pid(), e.Name()))
		if strings.HasPrefix(to, r.Path("fd")) {
			t.Errorf("descriptor %s is %s", e.Name(), to)
		}
	}
	c.MustDelete()
}

func TestPreservedDescriptorsKeepTheirNumbers(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh(`cat <&3; cat <&4; [ -e /proc/self/fd/5 ] && echo five`))
	x := c.RunWith([]rig.Option{rig.Files(inherited(r, 6)...)}, "--preserve-fds", "2")
	if r.Runtime.Kind == rig.Crun {
		x.Stdout = strings.TrimSuffix(x.Stdout, "five\n") // it lets all in
	}
	if x.Stdout != "file 3\nfile 4\n" {
		t.Errorf("stdout %q, stderr %q", x.Stdout, x.Stderr)
	}
}

func TestPreservedDescriptorsMustBeOpen(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--preserve-fds of closed descriptors is an error that names the number")
	c := r.Container()
	x := c.Create("--preserve-fds", "5")
	if x.Code == 0 || !strings.Contains(x.Message(), "3") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

func TestPidfdSocketGetsThePidfdOfInit(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1 has no --pidfd-socket")
	r.Finding(rig.Crun, "crun has an annotation for it")
	c := r.Container(rig.Sh("exit 0"))
	sock, wait := r.Receive("pidfd.sock")
	c.MustCreate("--pidfd-socket", sock)
	f := wait().File
	defer f.Close()
	if got, want := rig.Field(r.Read(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd())), "Pid"), fmt.Sprint(c.Pid()); got != want {
		t.Errorf("it is the pidfd of %s, not of %s", got, want)
	}
	if rig.Readable(int(f.Fd()), 0) {
		t.Error("the pidfd is readable before the end")
	}
	c.MustStart()
	if !rig.Readable(int(f.Fd()), rig.Deadline) {
		t.Error("the pidfd never is readable")
	}
	c.WaitStopped()
	c.MustDelete()
}

// A full pipe on stderr blocks the container's writer, never the runtime.
func TestFullStderrPipe(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Args("/no/such/program"))
	full, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, rig.Page)
	w.Write(make([]byte, rig.Page-1))
	go func() { time.Sleep(300 * time.Millisecond); io.Copy(io.Discard, full) }()
	if x := r.DoWith([]rig.Option{rig.Stdio(nil, w, w)}, "run", "--bundle", c.Bundle, c.ID); x.Code == 0 {
		t.Error("code 0")
	}
	w.Close()
}
