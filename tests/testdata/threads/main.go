// Command threads is an init with threads and one child, as any Go, Java or Node
// program may be.
package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func main() {
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
