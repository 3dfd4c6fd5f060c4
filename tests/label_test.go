package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// A label for files is nothing that anybody relies on where SELinux is off.
func TestMountLabelIsWarnedOfWithoutSELinux(t *testing.T) {
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		t.Skip("SELinux is on")
	}
	r := rig.New(t)
	r.Finding(rig.Runc, "the kernel refuses its mounts")
	r.Finding(rig.Crun, "the kernel refuses its mounts")
	c := r.Container(rig.Sh("stat -f -c %T /dev"), func(s *specs.Spec) {
		s.Linux.MountLabel = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"
	})
	x := c.Run()
	if x.Code != 0 || x.Stdout != "tmpfs\n" || !strings.Contains(x.Stderr, "linux.mountLabel: SELinux is off") {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}
