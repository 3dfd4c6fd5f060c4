package lab

import (
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
	"golang.org/x/sys/unix"

	"minirun/nsinit"
	"minirun/runtime/signals"
)

// wrong expects of the kernel what it does not do.
func wrong(b *Bench) {
	want, why := predict(signals.Task{Status: signals.Status{NSpid: []int{7, 1}}, Threads: make([]signals.Thread, 1)}, int(unix.SIGKILL), false)
	b.row("KILL from inside", want, lives, why) // the rule for the host's KILL, the outcome of one from inside
}

func right(b *Bench) {
	want, why := predict(signals.Task{Status: signals.Status{NSpid: []int{7, 1}}, Threads: make([]signals.Thread, 1)}, int(unix.SIGKILL), true)
	b.row("KILL from inside", want, lives, why)
}

func TestAWrongExpectationIsDetected(t *testing.T) {
	list := []*Experiment{
		{Name: "right", Play: right},
		{Name: "wrong", Play: wrong},
		{Name: "broken", Play: func(b *Bench) { right(b); b.must(os.ErrInvalid) }},
		{Name: "skipped", Play: func(b *Bench) { b.skip("no reason") }},
		{Name: "own", Own: true, Play: wrong},
	}
	got := map[string]string{}
	bad, err := Run(list, Options{Runtime: "/nonexistent", Tell: func(r *Result) error {
		got[r.Name] = r.Outcome()
		var decoded struct {
			Outcome string
			Rows    []struct{ Agrees bool }
		}
		if err := json.Unmarshal(r.AppendJSON(nil), &decoded); err != nil || decoded.Outcome != r.Outcome() {
			t.Errorf("%s: JSON %s: %v", r.Name, r.AppendJSON(nil), err)
		}
		if marked := strings.Contains(string(r.AppendText(nil)), "\n  ! "); marked != (decoded.Outcome == "differs" || decoded.Outcome == "failed") {
			t.Errorf("%s: text\n%s", r.Name, r.AppendText(nil))
		}
		return nil
	}})
	if err != nil || bad != 2 {
		t.Errorf("%d bad, %v; want 2", bad, err)
	}
	for name, want := range map[string]string{"right": "agrees", "wrong": "differs", "broken": "failed", "skipped": "skipped", "own": "skipped"} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

func TestAnInterruptionEndsTheLab(t *testing.T) {
	told := 0
	list := []*Experiment{
		{Name: "interrupted", Play: func(b *Bench) {
			if err := unix.Kill(unix.Getpid(), unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			b.until(func() bool { return false })
		}},
		{Name: "not played", Play: right},
	}
	_, err := Run(list, Options{Runtime: "/nonexistent", Tell: func(*Result) error { told++; return nil }})
	if !errors.Is(err, ErrInterrupted) || told != 1 {
		t.Errorf("told of %d, %v", told, err)
	}
}

func TestEveryExperimentIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range All() {
		if seen[e.Name] || e.Question == "" || e.Done == "" || e.Answer == "" || e.Play == nil || Find(e.Name) != e {
			t.Errorf("%+v", e)
		}
		seen[e.Name] = true
	}
	if Find("no such") != nil {
		t.Error("found what is not there")
	}
}

// Every way to write a workload, on both architectures.
func everything(c *code) {
	c.handle(unix.SIGTERM, func() { c.mark("handler", n(0)); c.exit(fromHandler) })
	c.mask(unix.SIG_BLOCK, unix.SIGUSR1)
	tid := c.result("gettid")
	c.thread(tid, "full")
	c.wait(val(c.fork(0, func() { c.tryFork("fork") })))
	_, si := c.await(1500, unix.SIGUSR1)
	c.tell(si)
	c.times(3, func() { c.rest(1) })
	c.here("full")
	c.dispose(unix.SIGUSR2, sigIgnore)
	c.here("thread")
	c.pause()
}

func TestHandlersAreTheEntryPoint(t *testing.T) {
	for arch, decode := range map[string]func([]byte) error{
		"amd64": func(b []byte) error { _, err := x86asm.Decode(b, 64); return err },
		"arm64": func(b []byte) error { _, err := arm64asm.Decode(b); return err },
	} {
		var act *nsinit.Data
		p := assembleFor(arch, func(c *code) { everything(c); act = c.entry[0] })
		f, err := elf.NewFile(strings.NewReader(string(p.elf)))
		if err != nil {
			t.Fatal(arch, err)
		}
		if got := binary.LittleEndian.Uint64(act.Bytes); got != f.Entry {
			t.Errorf("%s: handler at %#x, entry at %#x", arch, got, f.Entry)
		}
		if !strings.Contains(string(p.elf), string(act.Bytes)) {
			t.Errorf("%s: the image has not the address", arch)
		}
		code := f.Progs[1]
		if err := decode(p.elf[code.Off+f.Entry-code.Vaddr:]); err != nil {
			t.Errorf("%s: no instruction at the entry: %v", arch, err)
		}
	}
}

func TestReportsAreNotes(t *testing.T) {
	p := assemble(everything)
	record := func(step, value int) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(step))
		return binary.NativeEndian.AppendUint32(b, uint32(value))
	}
	for step, name := range p.names {
		if got := p.note(record(step, -11)); got != (note{name, -11}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := p.note(record(len(p.steps)-1, -1)); !strings.Contains(got.Name, "failed") {
		t.Errorf("%v", got)
	}
	if got := p.note(record(1<<20, 0)); got.Name != "step 1048576" {
		t.Errorf("%v", got)
	}
}

func TestConfigIsJSON(t *testing.T) {
	for _, s := range []setup{{}, {pids: 5}, {args: []string{`a "b"`, "\n"}, userland: true}} {
		var config struct {
			Process struct{ Args []string }
			Mounts  []struct{ Destination string }
			Linux   struct {
				Resources struct{ Pids struct{ Limit int } }
			}
		}
		text := s.config([]bind{{"/usr"}, {`/"`}})
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if config.Linux.Resources.Pids.Limit != s.pids || len(config.Mounts) != 5 || strings.Join(config.Process.Args, "|") != strings.Join(s.command(), "|") {
			t.Errorf("%+v: %s", s, text)
		}
	}
}

func TestUserlandIsMimicked(t *testing.T) {
	root, rootfs := t.TempDir(), t.TempDir()
	for _, dir := range []string{"usr", "proc", "opt"} {
		if err := os.Mkdir(root+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/bin", root+"/bin"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	binds, err := mimic(root, rootfs)
	if err != nil || len(binds) != 2 || binds[0].path != "/opt" || binds[1].path != "/usr" {
		t.Errorf("%v, %v", binds, err)
	}
	if to, err := os.Readlink(rootfs + "/bin"); err != nil || to != "usr/bin" {
		t.Errorf("%q, %v", to, err)
	}
}
