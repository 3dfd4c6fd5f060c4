package lab

import (
	"strconv"

	"minirun/runtime"
)

// A setup is what a container of an experiment is made of.
type setup struct {
	init     *program // PID 1, or
	args     []string // a command of the host's own userland
	others   []*program
	pids     int      // pids.max; 0: none
	flags    []string // of create, such as --init
	userland bool     // the host's own, read-only
}

// initPath is where the container finds its program; the kernel's account of
// an experiment shows the name of the file.
const initPath = "/lab/program"

func (s *setup) command() []string {
	if len(s.args) > 0 {
		return s.args
	}
	return []string{initPath}
}

// otherPath is where the container finds others[i].
func otherPath(i int) string { return "/lab/executed" + strconv.Itoa(i+1) }

// bind is a directory of the host's userland.
type bind struct{ path string }

// config is the config.json of a setup: namespaces of its own, a read-only
// root, and the capabilities that experiments need to make namespaces and to
// signal across users. The host's network is out of reach of a strange program.
func (s *setup) config(binds []bind) []byte {
	b := []byte(`{"ociVersion":"1.0.2","process":{"terminal":false,"user":{"uid":0,"gid":0},"cwd":"/","args":`)
	b = appendStrings(b, s.command())
	b = append(b, `,"env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","HOME=/tmp"],"capabilities":{`...)
	for i, set := range []string{"bounding", "effective", "permitted"} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, '"'), set...)
		b = append(b, `":["CAP_SYS_ADMIN","CAP_KILL","CAP_DAC_OVERRIDE"]`...)
	}
	b = append(b, `}},"root":{"path":"rootfs","readonly":true},"hostname":"lab","mounts":[`+
		`{"destination":"/proc","type":"proc","source":"proc"},`+
		`{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},`+
		`{"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev"]}`...)
	for _, bind := range binds {
		b = append(b, `,{"destination":`...)
		b = runtime.AppendJSONString(b, bind.path)
		b = append(b, `,"type":"bind","source":`...)
		b = runtime.AppendJSONString(b, bind.path)
		b = append(b, `,"options":["bind","ro","nosuid","nodev"]}`...)
	}
	b = append(b, `],"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}`...)
	if s.userland {
		b = append(b, `,{"type":"network"}`...)
	}
	b = append(b, ']')
	if s.pids > 0 {
		b = append(b, `,"resources":{"pids":{"limit":`...)
		b = append(strconv.AppendInt(b, int64(s.pids), 10), "}}"...)
	}
	return append(b, "}}\n"...)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = runtime.AppendJSONString(b, s)
	}
	return append(b, ']')
}

// notUserland are the directories at the host's root that a container gets
// anew, or that are no programs.
func notUserland(name string) bool {
	switch name {
	case "proc", "sys", "dev", "run", "tmp", "lab", "boot", "lost+found":
		return true
	}
	return false
}
