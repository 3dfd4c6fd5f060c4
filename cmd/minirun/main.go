// Command minirun runs containers as runc does.
//
// A verb is one short process: the Go runtime need not read the CPU limits of
// its cgroup at every start, nor watch them (5 % of a start).
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import "os"

func main() {
	os.Exit(cli(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
