package cgroups

import "bytes"

// A cgroupMount is one line of mountinfo that shows a cgroup file system.
type cgroupMount struct {
	unified bool   // cgroup2
	root    string // the part of the hierarchy that is mounted: "/" is all of it
	point   string
	options string // of the super block: "rw,cpu,cpuacct"
}

// cgroupMounts returns the cgroup mounts among the lines of mountinfo, in
// their order. proc_pid_mountinfo(5):
//
//	36 30 0:33 / /sys/fs/cgroup/freezer rw,relatime shared:9 - cgroup cgroup rw,freezer
//
// Blanks within a field are escaped, so " - " is the separator and no other.
// A line that is not of this form is not a cgroup mount.
func cgroupMounts(mountinfo []byte) []cgroupMount {
	var mounts []cgroupMount
	for line := range bytes.Lines(mountinfo) {
		before, after, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" - cgroup"))
		if !ok {
			continue
		}
		m := cgroupMount{}
		if after, ok = bytes.CutPrefix(after, []byte("2")); ok {
			m.unified = true
		}
		var head [6][]byte // id, parent, device, root, mount point, options
		tail := [3][]byte{}
		if !fields(before, head[:]) || !fields(after, tail[:]) || len(tail[0]) != 0 {
			continue
		}
		m.root, m.point, m.options = unescape(head[3]), unescape(head[4]), string(tail[2])
		if m.root != "" && m.root[0] == '/' && m.point != "" && m.point[0] == '/' {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// fields fills into with the leading blank-separated fields of line, and
// reports whether there were enough of them.
func fields(line []byte, into [][]byte) bool {
	for i := range into {
		var ok bool
		if into[i], line, ok = bytes.Cut(line, []byte(" ")); !ok && i < len(into)-1 {
			return false
		}
	}
	return true
}

// unescape undoes the kernel's mangle_path (fs/seq_file.c), which writes a
// blank, tab, newline, backslash or '#' as a backslash and three octal digits.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if c, ok := octal(b[i:]); ok {
			out = append(out, c)
			i += 3
		} else {
			out = append(out, b[i])
		}
	}
	return string(out)
}

// octal decodes an escape at the start of b.
func octal(b []byte) (byte, bool) {
	if len(b) < 4 || b[0] != '\\' || b[1] > '3' {
		return 0, false
	}
	var c byte
	for _, d := range b[1:4] {
		if d < '0' || d > '7' {
			return 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, true
}
