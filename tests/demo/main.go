// Command demo is what `make run` puts into its container where the machine
// has no busybox: PID 1 describes itself, as pid1.sh does.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	ns, _ := os.Readlink("/proc/1/ns/pid")
	status, err := os.ReadFile("/proc/1/status")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("I am PID %d, in %s\n", os.Getpid(), ns)
	for line := range strings.Lines(string(status)) {
		for _, key := range []string{"NSpid:", "SigBlk:", "SigIgn:", "SigCgt:", "Threads:", "NoNewPrivs:"} {
			if strings.HasPrefix(line, key) {
				fmt.Print(line)
			}
		}
	}
	for _, dir := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		if limit, err := os.ReadFile(dir + "/pids.max"); err == nil {
			fmt.Printf("pids.max %s", limit)
		}
	}
}
