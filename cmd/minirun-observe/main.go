// Command minirun-observe is the eBPF source of minirun's observe: minirun
// starts it, and does with another source where it is not.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"minirun/runtime/observe/bpf"
)

func main() {
	os.Exit(bpf.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
