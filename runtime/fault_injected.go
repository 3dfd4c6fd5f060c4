//go:build faults

package runtime

import (
	"os"

	"golang.org/x/sys/unix"
)

// fault kills minirun at the phase that MINIRUN_KILL_AT names.
func fault(phase string) {
	if os.Getenv("MINIRUN_KILL_AT") == phase {
		unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}
