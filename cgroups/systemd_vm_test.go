//go:build vm

package cgroups

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// For a machine that systemd runs and on which user 1000 has a manager: make
// test-vm.

// The test binary is also what a user runs: a process in a scope of the user's
// own, with a limit, and away again.
func init() {
	if os.Getenv("MINIRUN_TEST_USER_SCOPE") == "" {
		return
	}
	err := userScope()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func userScope() error {
	h, err := Look()
	if err != nil {
		return err
	}
	g, err := h.Scope("", "vmtest", nil, true)
	if err != nil {
		return err
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	five := int64(5)
	if err := g.Start(cmd.Process.Pid, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &five}}); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", cmd.Process.Pid))
	if err != nil {
		return err
	}
	limit, err := os.ReadFile(g.unified() + "/pids.max")
	fmt.Printf("%s%s", text, limit)
	return errors.Join(err, cmd.Process.Kill(), g.Delete())
}

func TestScopeOfAUser(t *testing.T) {
	for name, env := range map[string][]string{
		"systemd's socket": {"XDG_RUNTIME_DIR=/run/user/1000"},
		"bus":              {"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(env, "MINIRUN_TEST_USER_SCOPE=1", "PATH="+os.Getenv("PATH"))
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
			out, err := cmd.CombinedOutput()
			if want := "0::/user.slice/user-1000.slice/user@1000.service/user.slice/minirun-vmtest.scope\n5\n"; err != nil || string(out) != want {
				t.Errorf("got %q, %v, want %q", out, err, want)
			}
		})
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"MINIRUN_TEST_USER_SCOPE=1"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	if out, err := cmd.CombinedOutput(); err == nil || strings.TrimSpace(string(out)) != errNoSystemd.Error() {
		t.Errorf("nothing says where the user's manager is: %s, %v", out, err)
	}
}
