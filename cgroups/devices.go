package cgroups

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Ways to use a device, with the kernel's values (BPF_DEVCG_ACC_*).
const (
	accessMknod = 1 << iota
	accessRead
	accessWrite
	accessAll = accessMknod | accessRead | accessWrite
)

// anyNumber stands for every major or minor number.
const anyNumber = -1

// A device is one device, or with anyNumber many of them.
type device struct {
	kind         byte // 'b' or 'c'
	major, minor int64
}

// String is the notation of devices.allow.
func (d device) String() string {
	number := func(n int64) string {
		if n == anyNumber {
			return "*"
		}
		return itoa(n)
	}
	return string(d.kind) + " " + number(d.major) + ":" + number(d.minor)
}

// covers reports whether e stands for no device that d does not stand for.
func (d device) covers(e device) bool {
	return d.kind == e.kind && (d.major == anyNumber || d.major == e.major) && (d.minor == anyNumber || d.minor == e.minor)
}

// meets reports whether some device is in both.
func (d device) meets(e device) bool {
	match := func(a, b int64) bool { return a == anyNumber || b == anyNumber || a == b }
	return d.kind == e.kind && match(d.major, e.major) && match(d.minor, e.minor)
}

// A deviceList is what a group may do to devices, as the kernel's version 1
// controller keeps it (security/device_cgroup.c): a default and exceptions to
// it. Where all is denied by default, an access passes if one exception has
// all of it; where all is allowed, it fails if an exception has any of it.
type deviceList struct {
	allow      bool
	exceptions []exception // in the order of their coming
}

type exception struct {
	device
	access int
}

func (e exception) String() string { return e.device.String() + " " + accessString(e.access) }

// accessString writes access in the kernel's order.
func accessString(access int) string {
	s := ""
	for i, bit := range [...]int{accessRead, accessWrite, accessMknod} {
		if access&bit != 0 {
			s += "rwm"[i : i+1]
		}
	}
	return s
}

func parseAccess(s string) (access int, ok bool) {
	for _, c := range s {
		switch c {
		case 'r':
			access |= accessRead
		case 'w':
			access |= accessWrite
		case 'm':
			access |= accessMknod
		default:
			return 0, false
		}
	}
	return access, access != 0
}

// defaultDevices may be used by every container: those of the spec's default
// file system, pseudo-terminals, and the making of any node, which gives no
// access by itself. The list is that of runc and crun.
func defaultDevices() []exception {
	return []exception{
		{device{'c', anyNumber, anyNumber}, accessMknod},
		{device{'b', anyNumber, anyNumber}, accessMknod},
		{device{'c', 1, 3}, accessAll},           // null
		{device{'c', 1, 8}, accessAll},           // random
		{device{'c', 1, 7}, accessAll},           // full
		{device{'c', 5, 0}, accessAll},           // tty
		{device{'c', 1, 5}, accessAll},           // zero
		{device{'c', 1, 9}, accessAll},           // urandom
		{device{'c', 5, 1}, accessAll},           // console
		{device{'c', 136, anyNumber}, accessAll}, // pts/*
		{device{'c', 5, 2}, accessAll},           // ptmx
	}
}

// devicesOf returns the list that the rules of config.json lead to. It starts
// with everything denied, as runc's does.
//
// The default devices are added last, so that neither a "deny all" takes them
// away nor do they come before the rules in devices.list, whose order a
// conformance test reads. A rule that names one of them has precedence.
func devicesOf(rules []specs.LinuxDeviceCgroup) (*deviceList, error) {
	l := &deviceList{}
	denied := &deviceList{} // since the last rule for all
	for i, rule := range rules {
		field := fmt.Sprintf("devices[%d]", i)
		access, ok := parseAccess(rule.Access)
		if !ok {
			return nil, refused(field+".access", "%q is not made of r, w and m", rule.Access)
		}
		devices, err := devicesIn(rule, field)
		if err != nil {
			return nil, err
		}
		if len(devices) == 2 && access == accessAll && devices[0].covers(device{'b', anyNumber, anyNumber}) {
			*l, *denied = deviceList{allow: rule.Allow}, deviceList{}
			continue
		}
		for _, d := range devices {
			if err := l.apply(exception{d, access}, rule.Allow); err != nil {
				return nil, refused(field, "%w", err)
			}
			if !rule.Allow {
				denied.add(exception{d, access})
			}
		}
	}
	if !l.allow {
		for _, e := range defaultDevices() {
			if e.access = denied.without(e); e.access != 0 {
				l.add(e)
			}
		}
	}
	return l, nil
}

// devicesIn returns the devices of a rule. Without a type it is for both.
func devicesIn(rule specs.LinuxDeviceCgroup, field string) ([]device, error) {
	d := device{major: anyNumber, minor: anyNumber}
	for _, n := range [...]struct {
		name string
		from *int64
		to   *int64
	}{{"major", rule.Major, &d.major}, {"minor", rule.Minor, &d.minor}} {
		if n.from == nil {
			continue
		}
		if *n.to = *n.from; *n.to < anyNumber || *n.to > 1<<32-1 {
			return nil, refused(field+"."+n.name, "%d is out of range", *n.to)
		}
	}
	switch rule.Type {
	case "b", "c":
		d.kind = rule.Type[0]
		return []device{d}, nil
	case "", "a":
		return []device{{'b', d.major, d.minor}, {'c', d.major, d.minor}}, nil
	}
	return nil, refused(field+".type", "%q is not a, b or c", rule.Type)
}

// apply makes one rule good.
func (l *deviceList) apply(e exception, allow bool) error {
	if allow != l.allow {
		l.add(e)
		return nil
	}
	return l.remove(e)
}

// add joins e with the exception for the same devices.
func (l *deviceList) add(e exception) {
	for i := range l.exceptions {
		if l.exceptions[i].device == e.device {
			l.exceptions[i].access |= e.access
			return
		}
	}
	l.exceptions = append(l.exceptions, e)
}

// remove takes e out of the exceptions. The kernel knows no exception to an
// exception and would pass over a rule that needs one; such a rule is refused.
func (l *deviceList) remove(e exception) error {
	for i := range l.exceptions {
		x := &l.exceptions[i]
		switch {
		case x.access&e.access == 0 || !e.meets(x.device):
		case e.covers(x.device):
			x.access &^= e.access
		default:
			return fmt.Errorf("%v is part of %v, which an earlier rule set, and cannot be taken out of it", e, *x)
		}
	}
	l.exceptions = slices.DeleteFunc(l.exceptions, func(x exception) bool { return x.access == 0 })
	return nil
}

// without returns the access of e that no exception for its devices has.
func (l *deviceList) without(e exception) int {
	for _, x := range l.exceptions {
		if x.covers(e.device) {
			e.access &^= x.access
		}
	}
	return e.access
}

// writes returns what to write to devices.allow and devices.deny: first the
// default, which drops every exception, then the exceptions.
func (l *deviceList) writes() []write {
	name := map[bool]string{true: "devices.allow", false: "devices.deny"}
	ws := make([]write, 0, 1+len(l.exceptions))
	add := func(allow bool, value string) {
		ws = append(ws, write{controller: "devices", field: "devices", file: name[allow], value: value})
	}
	add(l.allow, "a *:* rwm")
	for _, e := range l.exceptions {
		add(!l.allow, e.String())
	}
	return ws
}

// String is devices.list of a group with this list, or nearly so: the kernel
// shows no exceptions where all is allowed.
func (l *deviceList) String() string {
	var b strings.Builder
	for _, w := range l.writes() {
		b.WriteString(w.file + " " + w.value + "\n")
	}
	return b.String()
}

// initialUserNamespace tells by /proc/self/uid_map: the initial user namespace
// maps every id to itself.
func initialUserNamespace(uidMap string) bool {
	return strings.Join(strings.Fields(uidMap), " ") == "0 0 4294967295"
}
