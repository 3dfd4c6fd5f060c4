package runtime

import (
	"strings"

	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// labelFacts looks which security modules are on, if config.json has a label.
func labelFacts(f *nsinit.Facts, spec *specs.Spec) {
	if spec.Process.SelinuxLabel != "" || spec.Linux != nil && spec.Linux.MountLabel != "" {
		f.SELinux = hasSELinux()
	}
	if spec.Process.ApparmorProfile != "" && hasAppArmor() {
		f.AppArmor = "attr/exec"
		if exists("/proc/self/attr/apparmor/exec") {
			f.AppArmor = "attr/apparmor/exec"
		}
	}
}

// hasSELinux says whether labels mean anything: selinuxfs is mounted, not
// read-only, which hides it from a container, and a policy is loaded, without
// which everything is "kernel" (as libselinux's is_selinux_enabled has it).
func hasSELinux() bool {
	var st unix.Statfs_t
	if unix.Statfs("/sys/fs/selinux", &st) != nil || st.Type != unix.SELINUX_MAGIC || st.Flags&unix.MS_RDONLY != 0 {
		return false
	}
	own, err := readFileAt(unix.AT_FDCWD, "/proc/self/attr/current")
	return err == nil && strings.TrimRight(string(own), "\x00\n") != "kernel"
}

func hasAppArmor() bool {
	on, err := readFileAt(unix.AT_FDCWD, "/sys/module/apparmor/parameters/enabled")
	return err == nil && strings.HasPrefix(string(on), "Y")
}

func exists(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.F_OK, 0) == nil
}
