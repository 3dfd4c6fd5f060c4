// Package observe is the kernel's own account of a container: one ordered
// timeline in which what minirun did stands beside what the kernel made of it.
//
// Events come from a Source, of which there are three: the eBPF programs of
// minirun-observe, a private tracefs instance, and pidfds with /proc. They
// differ in what they can know, so an Event says what it knows (Has) and how
// (Evidence). Build orders the events of a container by the kernel's clock,
// joins what belongs together and judges it; writers print the result. A Live
// does the same while it happens, and keeps nothing of what it has written.
// Nothing here but the sources, which are packages of their own below this
// one, and the spool of the Perfetto trace makes a system call.
//
// # What lies, and what is made of it
//
//   - res=0 of signal_generate is not "it worked": a signal that was queued may be dropped
//     when it is taken, by a PID 1 whose disposition is the default. Its outcome is then "dropped".
//   - res=1 is not "nothing happened": SIGCONT resumes before it is dropped, and a process that is dying drops everything.
//   - signal_deliver of SIGKILL is no proof of a SIGKILL: once a fatal signal has begun a group
//     exit, every thread gets one. The end is owed to the signal that was sent.
//   - The init of a PID namespace fires sched_process_exit before the kernel kills the rest
//     (zap_pid_ns_processes), and is gone after the last of them was reaped.
//   - A cgroup without live tasks is not a container that is gone: its init may wait for a zombie.
//   - A freed task was reaped up to some 10 ms before: the kernel waits for an RCU period.
//
// # What the sources tell, and what not
//
//   - Exit status: bpf reads it of the task. tracefs has exit_group's argument, or else the signal that was
//     fatal; of an end that no signal announced (seccomp, reboot) it has none. All of them have the init's, by its pidfd,
//     and before Linux 6.15 of the zombie, which whoever reaps it at once does not leave to be read.
//   - Pids inside: bpf reads them of the task. tracefs has what the fork returns in the parent, which is the pid
//     in the parent's own namespace; for a child in a nested namespace, or of a process outside, /proc is asked, and
//     of one that has ended by then the pid is not known.
//   - Signals: bpf tells the receiver's masks and dispositions too. proc sees none: those that minirun sends are
//     predicted before they are sent, and it knows of no others.
//   - Who sends: an interrupt has no sender in tracefs; bpf names the task that was interrupted, and its code tells;
//     the timer of a process outside is left out.
//   - Reaping: tracefs sees wait4(2) return; what the init reaps as it ends, and what waitid(2) reaps, is told by
//     the kernel's freeing, an RCU period late. bpf has only the latter. proc has the pidfd's POLLHUP, which is exact.
//   - Forks and execve: proc sees none. It finds a process when something else wakes it, and so none that was short-lived.
//   - The cgroup: bpf and tracefs tell of moves and of the last one's end; proc of the latter, on version 2 alone.
//   - Loss: bpf counts what its ring had no room for, tracefs what was overwritten; proc does not know what it misses.
//   - The eBPF programs take longer to load, so that the first moves into the cgroup may be over before they are there;
//     PID 1 waits for whichever source it is before it goes on to its program.
//
// # Live
//
// Text and JSON are written while it happens. A source says how far it has told
// (Source.Told), so that lines come in the order of the kernel's clock. Each waits
// until nothing can change what it says any more: a signal that was queued until it is taken
// or its receiver ends, an exit until it is known who of the children was left, a line that
// may be said several times for others like it; 250 ms at the most, and at the most with
// 8,192 entries behind it. Then it is told as it is known: a signal that nobody has taken is pending, and what becomes
// of it is an entry of its own, of kind deliver, which has the pair; a status that was not known
// stands in the entry "ended". What a verb of minirun says too late, for want of CPU time, has the
// time of what was told last: it still comes before what the verb does then.
//
// An observer keeps the processes: all that are there, and of those that are gone the first 4,096, beyond
// which there are only their numbers in the summary. HTML and Perfetto are written at the end. The
// picture has 3,000 lines and says how many are left out; the packets of a trace wait in a temporary file.
//
// # JSON
//
// WriteJSON writes JSON lines: first one of kind "timeline", then one for each
// event in the order of time, last one of kind "summary". A field that is not known is not there.
//
// The first line: version (JSONVersion), id, init (its process id on the host), source (bpf, tracefs,
// proc), skipped (why not a better one, a line each), start (the moment from which the text counts).
//
// An event:
//
//	kind         fork exec exit generate deliver reap free ended attach populated oom census mark rung lost: see Kind
//	n            its number, from 0, to which pair, by and entry refer
//	time         nanoseconds of CLOCK_MONOTONIC
//	evidence     observed, predicted (by runtime/signals), done (by minirun itself)
//	source       who saw it; minirun for what it did
//	cpu          on which it happened
//	task         who did it: pid (thread), tgid (process) and parent on the host; inside: the process's
//	             pid in the container, 0 for one outside; own: that in its own PID namespace; depth: of
//	             that namespace below the container's; name
//	target       to whom: the receiver, the child; of exit and census the parent
//	signal       with signalName
//	result       generate: 0 queued, 1 ignored, 2 pending already, 3 and 4 the queue is full; populated: 0 or 1
//	code         si_code
//	group        the signal is for the process, not for one thread
//	handler      sa_handler of the receiver: 0x0 SIG_DFL, 0x1 SIG_IGN
//	blocked, realBlocked, caught, ignored
//	             signal sets of the receiver as in /proc/PID/status; realBlocked is its mask while it is in sigtimedwait(2),
//	             and of a prediction the signals that its threads await there
//	init, dying, traced
//	             the receiver is PID 1 of its namespace; it is ending; it has a tracer
//	awaited, signalfd, openThread, dumping, stopped, orphaned
//	             of a prediction: a sigtimedwait(2) or a signalfd(2) of the receiver takes the signal, or a thread
//	             that does not block it; it writes a core; it is stopped; its process group is orphaned
//	groupDead    exit: it was the last thread
//	status       as wait(2) gives it
//	state        census: the letter of proc_pid_stat(5)
//	count        lost: how many events
//	text         what minirun did; a cgroup's path; what a process sleeps in
//	outcome      what came of a signal: ignored pending consumable handler fatal fatal_core stop dropped
//	reason       why, in words
//	way          who is behind a signal: user minirun self fault zap oom cgroup.kill parent-death timer child kernel
//	pair         generate: its delivery, if that came before this line was written; deliver and exit: the
//	             generate that it is owed to
//	by           generate: the mark with which minirun announced it
//	cause        exit: kind (exit signal reboot unsent before untold unseen), code (128+n for signal n), signal, signalName, way, entry, words
//	folded       the text leaves it out, for another line tells it; repeats: so many like it that follow are left out
//
// The last line: lost (how many events), words (the summary of the text), processes (as task, with names,
// mother and adopter as process ids on the host, begin, end, reaped, reapedLate, status, cause, handled:
// the signals for which a handler has run), processesLeftOut (how many more there were), phases (name, from, took in ns).
package observe
