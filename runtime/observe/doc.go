// Package observe is the kernel's own account of a container: one ordered
// timeline in which what minirun did stands beside what the kernel made of it.
//
// Events come from a Source, of which there are three: the eBPF programs of
// minirun-observe, a private tracefs instance, and pidfds with /proc. They
// differ in what they can know, so an Event says what it knows (Has) and how
// (Evidence). Build orders the events of a container by the kernel's clock,
// joins what belongs together and judges it; writers print the result.
// Nothing here but the sources, which are packages of their own below this
// one, makes a system call.
package observe
