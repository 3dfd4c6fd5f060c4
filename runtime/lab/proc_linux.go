package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// proc reads a file of a process.
func proc(pid int, file string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return "gone"
	}
	return string(bytes.TrimSpace(text))
}

// readable waits until a descriptor can be read.
func readable(fd int, within time.Duration) (bool, error) {
	end := time.Now().Add(within)
	for {
		left := max(time.Until(end), 0)
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		got, err := unix.Poll(p, int((left+time.Millisecond-1)/time.Millisecond))
		if !errors.Is(err, unix.EINTR) {
			return got > 0, err
		}
	}
}

func stateOf(pid int) string { return stat(pid, 0) }

// stat is a field of /proc/PID/stat, counted from the state on.
func stat(pid, field int) string {
	text := proc(pid, "stat")
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if field >= len(f) {
		return "gone"
	}
	return f[field]
}

func parentOf(pid int) int { n, _ := strconv.Atoi(stat(pid, 1)); return n }

func ourPid() int { return os.Getpid() }
