package bpf

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe/proc"
)

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
		var errno syscall.Errno // the library says more, which does not help
		errors.As(err, &errno)
		return fmt.Errorf("%s missing: %w", strings.Join(missing, " and "), errno)
	case !proc.InFirstUserNamespace():
		return fmt.Errorf("capabilities count in the first user namespace alone: %w", unix.EPERM)
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
