package proc

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A who is the part of /proc/PID/status that says who a task is
// (proc_pid_status(5)).
type who struct {
	name         string
	state        byte
	tgid, parent int32
	inner        []int32 // NStgid: of the process, from the namespace of the procfs inwards
}

func parseWho(text []byte) (w who, err error) {
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":\t")
		if !ok {
			continue
		}
		switch key {
		case "Name":
			w.name = unescape(value)
		case "State":
			if value != "" {
				w.state = value[0]
			}
		case "Tgid":
			w.tgid, err = number(value)
		case "PPid":
			w.parent, err = number(value)
		case "NStgid":
			w.inner, err = numbers(value)
		}
		if err != nil {
			return who{}, fmt.Errorf("parse status line %q: %w", line, err)
		}
	}
	if w.tgid == 0 || len(w.inner) == 0 {
		return who{}, fmt.Errorf("parse status: no Tgid or no NStgid")
	}
	return w, nil
}

// unescape takes back what the kernel does to a name, that it be one line:
// a newline is \n there, and a backslash is two (proc_task_name of fs/proc/array.c).
func unescape(name string) string {
	if !strings.Contains(name, `\`) {
		return name
	}
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(name)
}

func number(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(n), err
}

func numbers(text string) (list []int32, err error) {
	for _, f := range strings.Fields(text) {
		n, err := number(f)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// isPopulated reads the text of cgroup.events (cgroup-v2.rst).
func isPopulated(text []byte) bool { return bytes.Contains(text, []byte("populated 1\n")) }

// inGroups reports whether a task with this text of /proc/PID/cgroup
// (cgroups(7)) is in one of the groups, or below it. They are directories: what
// is before the path of the group is where its hierarchy is mounted.
func inGroups(text []byte, dirs []string) bool {
	for line := range bytes.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(f) < 3 {
			continue
		}
		for group := f[2]; len(group) > 1 && group[0] == '/'; group = group[:strings.LastIndexByte(group, '/')] {
			if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasSuffix(dir, group) }) {
				return true
			}
		}
	}
	return false
}
