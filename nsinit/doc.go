// Package nsinit is what runs inside: the plan of a container's birth, and the
// image that carries it out.
//
// A [Plan] is a list of system calls in the order in which the first process
// of a container makes them. [Compile] writes it from config.json and the facts
// of the host, and takes every decision; it makes no system call itself. [Lint]
// checks its order, Print and JSON show it. [Assemble] turns it into a static
// ELF of a few kilobytes, without a libc and without the Go runtime, which
// minirun executes as the new process:
//
//	config.json ─┐
//	             ├─ Compile ─▶ Plan ─▶ Lint ─▶ Assemble ─▶ Image ─▶ sealed memfd ─▶ clone, execve
//	the host ────┘
//
// The phases of Compile are the methods of builder, one file each, in the order
// in which they stand in the plan:
//
//	compile_start.go       descriptors, the clone, signals, session
//	compile_stage.go       the staged clone: namespaces joined before it, the user namespace
//	compile_namespaces.go  namespaces joined, hostname, loopback, the cgroup
//	compile_rootfs.go      the root as a mount of its own; later pivot_root
//	compile_mounts.go      mounts, and compile_cgroup.go those of type cgroup
//	compile_devices.go     /dev
//	compile_console.go     the terminal
//	compile_hooks.go       hooks, inside and outside
//	compile_sysctl.go, compile_mask.go
//	compile_scheduling.go  scheduler, priorities, affinity, memory policy
//	compile_identity.go    limits, ids, capabilities, working directory
//	compile_label.go       labels of SELinux and AppArmor
//	compile_exec.go        the program looked up, the wait for start, execve
//	compile_parent.go      --die-with-parent
//	compile_seccomp.go     the filter, right before the execve; seccomp*.go compile it
//	compile_listener.go    the filter's listener, passed to minirun
//
// With --init the plan ends in a second one, of PID 1 itself ([Init]), and that
// of exec --subreap in one of a subreaper:
//
//	init.go                the choice between the two that there are
//	init_fork.go           signals held back, the program started
//	init_watch.go          the kernel reaps, the init polls the program's pidfd
//	init_loop.go           where it cannot, the init reaps
//	init_forward.go        signals passed on
//	init_end.go            the others finish, the code
//	init_seccomp.go        what a filter must leave it
//
// The root file system is hostile, config.json is trusted. Whatever lies below
// the root is reached through a descriptor of it with openat2 and
// RESOLVE_IN_ROOT, and mounts are attached by descriptor at both ends, so that
// no path is resolved twice.
//
// What the image tells minirun are [Report]s of eight bytes on one descriptor:
// the number of a step, and an errno or a mark's value. The descriptor is
// close-on-exec, and so its end-of-file says that execve succeeded.
package nsinit
