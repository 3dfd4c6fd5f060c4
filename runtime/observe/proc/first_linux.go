package proc

import (
	"fmt"
	"os"
)

// The inodes of the namespaces that the kernel began with: PROC_PID_INIT_INO
// and PROC_USER_INIT_INO of include/linux/proc_ns.h.
const (
	firstPid  = "pid:[4026531836]"
	firstUser = "user:[4026531837]"
)

// InFirst is an error where the pids that the kernel tells are not
// those that its user knows. How deep one is below the first PID namespace
// cannot be found out from within.
func InFirst() error {
	own, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && own != firstPid {
		err = fmt.Errorf("observe from within a container: the kernel tells the pids of the host, not those of %s", own)
	}
	return err
}

// InFirstUserNamespace reports whether our capabilities are those that the
// kernel asks for to trace it.
func InFirstUserNamespace() bool {
	own, err := os.Readlink("/proc/self/ns/user")
	return err != nil || own == firstUser
}
