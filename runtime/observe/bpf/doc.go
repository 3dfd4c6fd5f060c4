// Package bpf is the eBPF source of a container's events: one program at each
// tracepoint that matters, assembled here and loaded for the kernel at hand,
// which writes what happens in the container into a ring buffer, in the
// record of package observe. It is a package for the executable
// minirun-observe alone: the library that it uses would cost every verb of minirun.
//
// The programs are tp_btf (BPF_TRACE_RAW_TP): they read the kernel's own
// structs by offsets that its BTF tells when they are loaded, so that nothing
// is compiled and one executable serves every kernel. They select in the
// kernel: a signal with one of its ends in the container, and whatever else its
// tasks do. A task is in it when its pid in the container's PID namespace
// exists, which holds for tasks that came in by setns(2) and for nested namespaces.
//
// The same executable has been seen at work on Linux 6.1, 6.12 and 6.18, whose
// structs and tracepoints differ.
//
//	btf.go               the kernel's types, as far as needed
//	kernel.go            the offsets that the programs are made with
//	emit.go, record.go   the parts that programs consist of
//	programs*.go         the programs, by tracepoint
//	load_unsafe.go       bpf(2), where the library would do too much
//	set_linux.go         maps and programs, loaded and attached
//	pump_linux.go        records from the ring to the pipe
//	serve_linux.go       minirun-observe: its flags and its conversation
//
// As the kernel asks of who calls bpf_probe_read_kernel, the programs (not the
// rest) are under the GPL, version 2, at the choice of whoever takes them.
package bpf
