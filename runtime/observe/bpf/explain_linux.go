package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// firstNamespace is PROC_PID_INIT_INO of include/linux/proc_ns.h, the inode
// of the PID namespace that the kernel began with.
const firstNamespace = "pid:[4026531836]"

// inFirstNamespace refuses to run where the pids that the kernel knows are
// not those that its user knows.
func inFirstNamespace() error {
	own, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && own != firstNamespace {
		err = fmt.Errorf("observe from within a container: the kernel tells the pids of the host, not those of %s", own)
	}
	return err
}

// explain adds what is missing to an error of bpf(2): the kernel says EPERM for everything.
func explain(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	missing, failed := missingCaps()
	switch {
	case failed != nil:
		return err
	case len(missing) > 0:
		return fmt.Errorf("%s missing: %w", strings.Join(missing, " and "), err)
	}
	return fmt.Errorf("refused by a seccomp filter, a security module or kernel_lockdown(7): %w", err)
}

// missingCaps are the capabilities that the programs need and this process
// does not have. CAP_SYS_ADMIN stands for both (capabilities(7)).
func missingCaps() (names []string, err error) {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return nil, fmt.Errorf("read capabilities: %w", err)
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	if has(unix.CAP_SYS_ADMIN) {
		return nil, nil
	}
	if !has(unix.CAP_BPF) {
		names = append(names, "CAP_BPF")
	}
	if !has(unix.CAP_PERFMON) {
		names = append(names, "CAP_PERFMON")
	}
	return names, nil
}
