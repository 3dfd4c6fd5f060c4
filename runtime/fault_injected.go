//go:build faults

package runtime

import (
	"os"
	"strconv"
	"strings"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// fault kills minirun at the phase that MINIRUN_KILL_AT names.
func fault(phase string) {
	if os.Getenv("MINIRUN_KILL_AT") == phase {
		unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

// inject makes the step that MINIRUN_FAIL names, "step:errno" by numbers,
// fail without its system call.
func inject(p *nsinit.Plan) {
	at, errno, ok := strings.Cut(os.Getenv("MINIRUN_FAIL"), ":")
	step, err := strconv.Atoi(at)
	n, err2 := strconv.Atoi(errno)
	if !ok || err != nil || err2 != nil || step < 1 {
		return
	}
	for ; p != nil; p = p.Init {
		if at := step - 1 - p.First; at >= 0 && at < len(p.Steps) {
			p.FailAt(at, unix.Errno(n))
		}
	}
}
