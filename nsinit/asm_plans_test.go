package nsinit

import (
	"fmt"
	"syscall"
)

// Short forms for plans in tests.

func konst(v int) Const { return Const{V: uint64(v)} }

func text(s string) *Data { return &Data{Bytes: append([]byte(s), 0), Align: 1, Text: s} }

func addr(d *Data) Ptr { return Ptr{Data: d} }

func at(label string, op Op) Step { return Step{Label: label, Op: op} }

func do(name string, args ...Arg) Call { return Call{Name: name, Args: args} }

func (c Call) into(cell *Cell) Call   { c.Result = cell; return c }
func (c Call) then(label string) Call { c.OK = label; return c }
func (c Call) on(e syscall.Errno, label string) Call {
	c.On = append(c.On[:len(c.On):len(c.On)], On{e, label})
	return c
}

func plan(ops ...any) *Plan {
	p := &Plan{Report: 3}
	for _, op := range ops {
		if s, ok := op.(Step); ok {
			p.Steps = append(p.Steps, s)
			continue
		}
		p.Steps = append(p.Steps, Step{Op: op.(Op)})
	}
	return p
}

func (p *Plan) on(arch string) *Plan {
	q := *p
	q.Arch = arch
	return &q
}

func exit(code int) Call { return do("exit_group", konst(code)) }

// birth looks like a container's: of n steps, most are mounts by the calls
// that docker's configuration needs, some tolerate an errno or branch.
func birth(n int) *Plan {
	const atFdcwd = -100
	p := &Plan{Report: 3}
	add := func(ops ...Op) {
		for _, op := range ops {
			p.Steps = append(p.Steps, Step{Op: op})
		}
	}
	null, tmpfs := &Cell{Name: "null"}, text("tmpfs")
	add(do("close_range", konst(4), konst(0xffffffff), konst(4)),
		do("setsid").on(syscall.EPERM, ""),
		do("openat", konst(atFdcwd), addr(text("/dev/null")), konst(0x80002), konst(0)).into(null))
	for i := 0; len(p.Steps) < n-2; i++ {
		fs, mnt, dir := &Cell{Name: fmt.Sprint("fs", i)}, &Cell{Name: fmt.Sprint("mnt", i)}, &Cell{Name: fmt.Sprint("dir", i)}
		attr := &Data{Bytes: []byte{15, 0, 0, 0}, Size: 32}
		how := &Data{Bytes: []byte{0, 0, 0x28}, Size: 24}
		path, key, value := text(fmt.Sprint("/some/where/", i)), text("mode"), text(fmt.Sprint("07", i%8, "5"))
		add(do("fsopen", addr(tmpfs), konst(1)).into(fs),
			do("fsconfig", Val{fs}, konst(1), addr(key), addr(value), konst(0)),
			do("fsconfig", Val{fs}, konst(6), konst(0), konst(0), konst(0)).on(syscall.EBUSY, ""),
			do("fsmount", Val{fs}, konst(1), konst(2)).into(mnt),
			do("openat2", Val{null}, addr(path), addr(how), konst(24)).into(dir),
			do("mount_setattr", Val{mnt}, addr(text("")), konst(0x1000), addr(attr), konst(32)),
			do("move_mount", Val{mnt}, addr(text("")), Val{dir}, addr(text("")), konst(0x44)),
			do("close", Val{fs}), do("close", Val{mnt}), do("close", Val{dir}),
			do("prctl", konst(24), konst(i), konst(0), konst(0), konst(0)))
		if i%8 == 0 {
			add(If{Cell: dir, Mask: 0o170000, Cmp: Ne, Value: konst(0o40000), To: "last"}, Mark{Value: konst(i)})
		}
	}
	p.Steps = p.Steps[:n-2]
	filter := &Data{Bytes: make([]byte, 8*300)}
	for i := range filter.Bytes {
		filter.Bytes[i] = byte(i)
	}
	prog := &Data{Bytes: []byte{44, 1}, Size: 16, Relocs: []Reloc{{8, filter}}}
	argv := &Data{Size: 16, Relocs: []Reloc{{0, text("/bin/sh")}}}
	p.Steps = append(p.Steps, at("last", do("seccomp", konst(1), konst(0), addr(prog))))
	add(do("execve", addr(text("/bin/sh")), addr(argv), addr(argv)))
	return p
}
