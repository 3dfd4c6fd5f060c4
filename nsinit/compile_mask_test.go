package nsinit

import (
	"encoding/binary"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Of the masked directories the first takes the tmpfs itself, whichever it is:
// before Linux 6.15 a mount that is attached nowhere cannot be copied, and one
// that is left so takes the kernel long to undo.
func TestTheFirstMaskedDirectoryTakesTheTmpfsItself(t *testing.T) {
	for _, kinds := range []string{"", "d", "f", "ddd", "fdfd", "-d-fd", "ff"} { // directory, file, not there
		m := &maskWorld{kinds: kinds, open: map[uint64]byte{}}
		if _, err := Emulate(maskPlan(len(kinds)), m.call); err != nil {
			t.Fatal(err)
		}
		for n, at := 0, 0; at < len(kinds); at++ {
			want := byte(0)
			switch kinds[at] {
			case 'f':
				want = 'n'
			case 'd':
				if want = 'c'; n == 0 {
					want = 't'
				}
				n++
			}
			if got := m.over[at]; got != want {
				t.Errorf("%q: path %d is covered by %q, want %q", kinds, at, got, want)
			}
		}
		if len(m.open) != 0 {
			t.Errorf("%q: left open: %v", kinds, m.open)
		}
	}
}

func maskPlan(paths int) *Plan {
	b := &builder{spec: &specs.Spec{Linux: &specs.Linux{}}, abi: abi{directory: unix.O_DIRECTORY}, plan: &Plan{Arch: "amd64"},
		root: &Cell{Name: "root"}}
	for i := range paths {
		b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/"+string(rune('a'+i)))
	}
	b.mask()
	b.call("the end", "exit", num(0))
	return b.plan
}

// maskWorld is a kernel before Linux 6.15 with one path of each kind. What is
// open is known by a letter: the tmpfs, a copy of it, /dev/null, a file system's
// context, or the number of a path.
type maskWorld struct {
	kinds    string
	open     map[uint64]byte
	fds      uint64
	over     [26]byte // what covers each path
	attached bool
}

func (m *maskWorld) opened(what byte) int64 {
	m.fds++
	m.open[m.fds] = what
	return int64(m.fds)
}

func (m *maskWorld) call(_ int, name string, args []uint64, mem Memory) int64 {
	switch name {
	case "openat":
		return m.opened('n')
	case "fsopen":
		return m.opened('x')
	case "fsmount":
		return m.opened('t')
	case "statx":
		stx := mem.Bytes(args[4], 256)
		binary.LittleEndian.PutUint32(stx[statxMode:], unix.S_IFCHR)
		binary.LittleEndian.PutUint32(stx[statxRdevMajor:], 1)
		binary.LittleEndian.PutUint32(stx[statxRdevMinor:], 3)
	case "openat2":
		path := mem.String(args[1])
		at := path[len(path)-1] - 'a'
		directory := binary.LittleEndian.Uint64(mem.Bytes(args[2], 8))&unix.O_DIRECTORY != 0
		switch {
		case m.kinds[at] == '-':
			return -int64(unix.ENOENT)
		case m.kinds[at] == 'f' && directory:
			return -int64(unix.ENOTDIR)
		}
		return m.opened('A' + at)
	case "open_tree":
		switch of := m.open[args[0]]; {
		case of == 'n':
			return m.opened('n')
		case of == 't' && m.attached:
			return m.opened('c')
		}
		return -int64(unix.EINVAL)
	case "move_mount":
		what := m.open[args[0]]
		m.over[m.open[args[2]]-'A'] = what
		m.attached = m.attached || what == 't'
	case "close":
		if _, ok := m.open[args[0]]; !ok {
			return -int64(unix.EBADF)
		}
		delete(m.open, args[0])
	}
	return 0
}
