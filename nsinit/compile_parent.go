package nsinit

import "golang.org/x/sys/unix"

// dieWithParent asks the kernel to kill PID 1 when minirun ends, and with it
// everything in the container (PR_SET_PDEATHSIG, prctl(2)). A change of
// credentials undoes it (commit_creds, kernel/cred.c), so it comes after the
// last; and because the program's execve may be one, or one that a security
// module holds for a gain of rights (secureexec in begin_new_exec, fs/exec.c),
// what is known of that before is refused. A built-in init does this itself.
func (b *builder) dieWithParent() {
	if !b.facts.DieWithParent {
		return
	}
	if b.ns.created&unix.CLONE_NEWPID == 0 {
		b.fail("--die-with-parent: linux.namespaces has no PID namespace of the container's own, so that its init would die alone")
		return
	}
	if b.facts.Init != nil {
		return
	}
	if gained := b.gainedByRoot(); gained != 0 {
		b.fail("--die-with-parent: process.capabilities: root gains %s by the execve, at which the kernel forgets who the parent is: "+
			"make bounding and permitted equal, or set process.noNewPrivileges, or use --init", capText(gained))
		return
	}
	if len(b.labelled) > 0 {
		b.fail("--die-with-parent: %s: at an execve that changes it the kernel may forget who the parent is: use --init", b.labelled[0].why)
		return
	}
	b.bond(b.plan.Report)
}

// gainedByRoot are the capabilities that root has after an execve and not
// before it (handle_privileged_root, security/commoncap.c).
func (b *builder) gainedByRoot() uint64 {
	p := b.spec.Process
	if p.User.UID != 0 || p.NoNewPrivileges {
		return 0
	}
	caps := b.filterCaps(newCapSets(p.Capabilities, b.facts))
	return (caps.bounding | caps.inheritable) &^ caps.permitted
}

// bond arms the signal, and then looks whether minirun had ended before: it
// alone can read what is reported. Its end from here on sends the signal.
func (b *builder) bond(report int) {
	fds, again, bound := halves("[{fd=report}]", uint32(report), 0), b.fresh("bond"), b.fresh("bound")
	b.call("minirun's end is the container's", "prctl", sym(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), signal(unix.SIGKILL))
	b.here(again)
	b.do("is minirun there still?", Call{Name: "ppoll", On: divert(again, unix.EINTR),
		Args: []Arg{Ptr{Data: fds}, num(1), b.shared(words("{tv_sec=0, tv_nsec=0}", 0, 0)), null, num(0)}})
	b.do("it is", If{Cell: &Cell{Name: "revents", Data: fds, Off: 4}, Cmp: Eq, Value: num(0), To: bound})
	b.do("it is not", Fail{Errno: unix.EPIPE, Message: "minirun has ended"})
	b.here(bound)
}
