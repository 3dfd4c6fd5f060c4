package runtime

import (
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fastjson"
)

// A Record is what is known of a container between two verbs: facts that stay
// true, never a status. It is kept in state.json.
type Record struct {
	OCIVersion  string // of the config.json
	ID          string
	Bundle      string // absolute
	Rootfs      string // absolute
	Created     time.Time
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

	// ImageDev and ImageIno are the image's file. While /proc/PID/exe is
	// that file the container has been created and not started.
	ImageDev, ImageIno uint64

	// Steps counts the plan's steps, and LateSteps has the words of those
	// that start lets happen, by their number: start reports them, and has no plan.
	Steps     int
	LateSteps map[string]string
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
	w.mapField("annotations", r.Annotations)
	w.intField("owner", r.Owner)
	w.boolField("creating", r.Creating)
	w.intField("pid", r.Pid)
	w.uintField("startTime", r.StartTime)
	w.strField("bootId", r.BootID)
	w.uintField("pidNamespace", r.PidNS)
	w.boolField("ownPidNamespace", r.OwnPidNS)
	w.mapField("cgroups", r.Cgroups)
	w.uintField("imageDevice", r.ImageDev)
	w.uintField("imageInode", r.ImageIno)
	w.intField("steps", r.Steps)
	w.mapField("lateSteps", r.LateSteps)
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

// DecodeRecord reads what Encode wrote. Members that it does not know are
// ignored, so that an older minirun can still end a newer one's containers.
func DecodeRecord(text []byte) (*Record, error) {
	v, err := fastjson.ParseBytes(text)
	if err != nil {
		return nil, err
	}
	if v.Type() != fastjson.TypeObject {
		return nil, fmt.Errorf("want an object, got %s", v.Type())
	}
	f := fields{v: v}
	r := &Record{
		OCIVersion:  f.str("ociVersion"),
		ID:          f.str("id"),
		Bundle:      f.str("bundle"),
		Rootfs:      f.str("rootfs"),
		Created:     f.time("created"),
		Annotations: f.strMap("annotations"),
		Owner:       f.int("owner"),
		Creating:    f.bool("creating"),
		Pid:         f.int("pid"),
		StartTime:   f.uint("startTime"),
		BootID:      f.str("bootId"),
		PidNS:       f.uint("pidNamespace"),
		OwnPidNS:    f.bool("ownPidNamespace"),
		Cgroups:     f.strMap("cgroups"),
		ImageDev:    f.uint("imageDevice"),
		ImageIno:    f.uint("imageInode"),
		Steps:       f.int("steps"),
		LateSteps:   f.strMap("lateSteps"),
	}
	if f.err == nil && r.Pid < 0 {
		f.err = fmt.Errorf("pid: %d is negative", r.Pid)
	}
	return r, f.err
}

// fields reads members of an object and keeps the first error. An absent
// member is its zero value.
type fields struct {
	v   *fastjson.Value
	err error
}

func (f *fields) get(key string) *fastjson.Value {
	v := f.v.Get(key)
	if f.err != nil || v == nil || v.Type() == fastjson.TypeNull {
		return nil
	}
	return v
}

func (f *fields) fail(key string, err error) {
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
}

func (f *fields) str(key string) string {
	v := f.get(key)
	if v == nil {
		return ""
	}
	b, err := v.StringBytes()
	f.fail(key, err)
	return string(b)
}

func (f *fields) int(key string) int {
	v := f.get(key)
	if v == nil {
		return 0
	}
	n, err := v.Int()
	f.fail(key, err)
	return n
}

func (f *fields) uint(key string) uint64 {
	v := f.get(key)
	if v == nil {
		return 0
	}
	n, err := v.Uint64()
	f.fail(key, err)
	return n
}

func (f *fields) bool(key string) bool {
	v := f.get(key)
	if v == nil {
		return false
	}
	b, err := v.Bool()
	f.fail(key, err)
	return b
}

func (f *fields) time(key string) time.Time {
	text := f.str(key)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	f.fail(key, err)
	return t
}

func (f *fields) strMap(key string) map[string]string {
	v := f.get(key)
	if v == nil {
		return nil
	}
	o, err := v.Object()
	f.fail(key, err)
	if err != nil || o.Len() == 0 {
		return nil
	}
	m := make(map[string]string, o.Len())
	o.Visit(func(k []byte, v *fastjson.Value) {
		b, err := v.StringBytes()
		f.fail(key+"."+string(k), err)
		m[string(k)] = string(b)
	})
	return m
}
