package nsinit

import "golang.org/x/sys/unix"

// namespaces joins what is joined by path and furnishes what is new.
func (b *builder) namespaces() {
	for _, j := range b.ns.joined {
		if j.flag != unix.CLONE_NEWCGROUP && b.ns.entered&j.flag == 0 {
			b.setns(j)
		}
	}
	b.hostname()
	if b.ns.created&unix.CLONE_NEWNET != 0 {
		b.loopback()
	}
}

// hostname sets the names, once: of a UTS namespace that is joined it takes
// the rights of its owner, which a container with a user namespace has only
// before it enters that.
func (b *builder) hostname() {
	if b.named {
		return
	}
	b.named = true
	if b.spec.Hostname != "" {
		b.call("hostname", "sethostname", str(b.spec.Hostname), num(len(b.spec.Hostname)))
	}
	if b.spec.Domainname != "" {
		b.call("domainname", "setdomainname", str(b.spec.Domainname), num(len(b.spec.Domainname)))
	}
}

// loopback brings up lo, as netdevice(7) says: the new namespace has it, down.
func (b *builder) loopback() {
	ifreq := &Data{Bytes: make([]byte, 40), Text: `{ifr_name="lo", ifr_flags=IFF_UP}`}
	copy(ifreq.Bytes, "lo")
	ifreq.Bytes[unix.IFNAMSIZ] = unix.IFF_UP
	s := b.open("loopback up: a socket to ask through", "sock", "socket",
		sym(unix.AF_INET, "AF_INET"), sym(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC"), num(0))
	b.call("loopback up", "ioctl", Val{s}, sym(unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"), Ptr{Data: ifreq})
	b.close(s)
}

// join makes the process wait until minirun has put it in its cgroup, and
// gives it the cgroup namespace that is rooted there. It stands as late as
// possible: until then the set-up and minirun's work run side by side.
func (b *builder) join() {
	if b.joined {
		return
	}
	b.joined = true
	b.do("minirun puts the process in its cgroup, limits in force", Host{Text: `write("cgroup.procs", pid)`})
	b.await("until minirun has put the process in its cgroup")
	for _, j := range b.ns.joined {
		if j.flag == unix.CLONE_NEWCGROUP && b.ns.entered&j.flag == 0 {
			b.setns(j)
		}
	}
	if b.ns.created&unix.CLONE_NEWCGROUP != 0 {
		b.call("a cgroup namespace, rooted at the container's cgroup", "unshare",
			sym(unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"))
	}
}

// await reads one byte from minirun. End-of-file says that minirun is gone,
// and then nobody would ever finish this container.
func (b *builder) await(why string) {
	n := &Cell{Name: "n"}
	ok := b.fresh("released")
	b.do(why, Call{Name: "read", Result: n, Args: []Arg{b.fd(Inherit{Role: RoleSync}), Ptr{Data: space(1, "byte")}, num(1)}})
	b.do("a byte: go on", If{Cell: n, Cmp: Eq, Value: num(1), To: ok})
	b.do("end-of-file: minirun is gone", Fail{Errno: unix.EPIPE, Message: "minirun ended before the container was complete"})
	b.here(ok)
}
