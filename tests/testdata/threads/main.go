// Command threads is an init with threads and one child, as any Go, Java or Node
// program may be. It takes SIGTERM before it has its child, and does nothing
// about it, so that only SIGKILL can have ended it; Go's own handler exits 2.
package main

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	var p [2]int
	if syscall.Pipe(p[:]) != nil || exec.Command("/bin/sleep", "1000").Start() != nil {
		os.Exit(1)
	}
	block := func() {
		runtime.LockOSThread()
		syscall.Read(p[0], make([]byte, 1))
	}
	for range 4 {
		go block()
	}
	block()
}
