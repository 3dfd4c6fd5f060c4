package proc

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A namespace with a namespace in it: who is in, how deep, and who is not.
func TestANamespaceKnowsItsOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "sh", "-c", "echo; read line")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	pid := int32(cmd.Process.Pid)
	if err := unix.Stat(path(pid)+"/ns/pid", &st); err != nil {
		t.Fatal(err)
	}
	n := Namespace{Inode: st.Ino, Level: 1}
	all := n.Tasks()
	if len(all) != 2 {
		t.Fatalf("%d tasks: %+v", len(all), all)
	}
	outer, inner := all[0], all[1]
	if outer.Pid != pid {
		outer, inner = inner, outer
	}
	if outer.Pid != pid || outer.Inside != 1 || outer.Own != 1 || outer.Depth != 0 || outer.Name() != "unshare" {
		t.Errorf("the outer init: %+v", outer)
	}
	if inner.Inside != 2 || inner.Own != 1 || inner.Depth != 1 || inner.Parent != pid || inner.Name() != "sh" {
		t.Errorf("the inner init: %+v", inner)
	}
	us, ok := n.Look(int32(os.Getpid()))
	if !ok || us.Inside != 0 || us.Depth != 0 || us.Tgid != int32(os.Getpid()) {
		t.Errorf("we: %+v, %v", us, ok)
	}
	if _, ok := n.Look(1 << 30); ok {
		t.Error("a process that there is not")
	}
}
