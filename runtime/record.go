package runtime

import (
	"slices"
	"time"

	"minirun/cgroups"
)

// A Record is what is known of a container between two verbs: facts that stay
// true, never a status. It is kept in state.json.
type Record struct {
	OCIVersion  string // of the config.json
	ID          string
	Bundle      string // absolute
	Rootfs      string // absolute
	Created     time.Time
	Started     time.Time // when the program was let go: by start once that has worked, by run before; zero: not yet
	Annotations map[string]string
	Owner       int // uid of who created it

	// Creating is set in what create writes on its way, and cleared in what
	// it writes last. When nobody holds the lock, such a record is what a
	// create that was killed has left.
	Creating bool

	Pid       int    // of the init, in the PID namespace of minirun; 0: create has not got as far
	StartTime uint64 // of Pid, in clock ticks since boot: field 22 of /proc/PID/stat
	BootID    string // of the boot in which Pid and StartTime mean something
	PidNS     uint64 // inode of the PID namespace of Pid; 0: not known
	OwnPidNS  bool   // the namespace is the container's own, so that it dies with its init

	// Cgroups is cgroups.Group.Paths. It is written before the directories
	// are made, so that they are found again whatever happens.
	Cgroups map[string]string
	// Unit is the scope of systemd's that the cgroup is; nil without systemd.
	Unit *cgroups.Unit

	// ImageDev and ImageIno are the image's file. While /proc/PID/exe is
	// that file the container has been created and not started.
	ImageDev, ImageIno uint64

	// Steps counts the plan's steps, and LateSteps has the words of those
	// that start lets happen, by their number: start reports them, and has no plan.
	Steps     int
	LateSteps map[string]string

	// Listener is linux.seccomp.listenerPath, empty without SCMP_ACT_NOTIFY:
	// start passes the filter's listener on.
	Listener, ListenerMetadata string

	// Resctrl is the class of linux.intelRdt, ResctrlMonitor the container's
	// group for monitoring in it, and ResctrlDelete which of both goes with it.
	Resctrl, ResctrlMonitor, ResctrlDelete string
}

// Encode is the text of state.json.
func (r *Record) Encode() []byte {
	w := jsonWriter{indent: "  ", buf: make([]byte, 0, 1024)}
	w.open('{')
	w.strField("ociVersion", r.OCIVersion)
	w.strField("id", r.ID)
	w.strField("bundle", r.Bundle)
	w.strField("rootfs", r.Rootfs)
	w.strField("created", timeText(r.Created))
	if !r.Started.IsZero() {
		w.strField("started", timeText(r.Started))
	}
	w.mapField("annotations", r.Annotations)
	w.intField("owner", r.Owner)
	w.boolField("creating", r.Creating)
	w.intField("pid", r.Pid)
	w.uintField("startTime", r.StartTime)
	w.strField("bootId", r.BootID)
	w.uintField("pidNamespace", r.PidNS)
	w.boolField("ownPidNamespace", r.OwnPidNS)
	w.mapField("cgroups", r.Cgroups)
	if u := r.Unit; u != nil {
		w.strField("systemdUnit", u.Name)
		w.boolField("systemdUser", u.User)
	}
	w.uintField("imageDevice", r.ImageDev)
	w.uintField("imageInode", r.ImageIno)
	w.intField("steps", r.Steps)
	w.mapField("lateSteps", r.LateSteps)
	if r.Listener != "" {
		w.strField("listener", r.Listener)
		w.strField("listenerMetadata", r.ListenerMetadata)
	}
	if r.Resctrl != "" {
		w.strField("resctrl", r.Resctrl)
		w.strField("resctrlMonitor", r.ResctrlMonitor)
		w.strField("resctrlDelete", r.ResctrlDelete)
	}
	w.close('}')
	return append(w.buf, '\n')
}

func (w *jsonWriter) strField(k, v string)         { w.key(k); w.str(v) }
func (w *jsonWriter) intField(k string, v int)     { w.key(k); w.int(int64(v)) }
func (w *jsonWriter) uintField(k string, v uint64) { w.key(k); w.uint(v) }
func (w *jsonWriter) boolField(k string, v bool)   { w.key(k); w.bool(v) }

func (w *jsonWriter) mapField(k string, m map[string]string) {
	w.key(k)
	w.open('{')
	for _, name := range sortedKeys(m) {
		w.strField(name, m[name])
	}
	w.close('}')
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// timeText is a time as encoding/json writes it; runc's users expect no other.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
