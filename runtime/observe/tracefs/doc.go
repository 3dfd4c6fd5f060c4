// Package tracefs is the source of events that needs nothing but tracefs: a
// trace instance of its own, whose ring buffers are read as binary pages and
// decoded by the kernel's own description of them. It needs no BTF and no
// eBPF, but root.
//
// The tracepoints know threads of the host by number. Who belongs to the
// container, and by which pid inside, is worked out by following its forks
// (a tracker), with /proc for whoever came in from outside. Exit codes are in
// no tracepoint of an exit: they come from exit_group(2) or from the signal
// that was fatal.
//
//	instance_linux.go   the instance: made, set up, swept
//	format.go           the description of a page and of an event
//	page.go             a page of a ring buffer
//	bind.go             an event's bytes as a record
//	tracker.go          records as events of a container
//	source_linux.go     all of it as an observe.Source
package tracefs
