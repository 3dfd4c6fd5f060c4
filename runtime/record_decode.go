package runtime

import (
	"fmt"
	"time"

	"minirun/cgroups"

	"github.com/valyala/fastjson"
)

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
		Started:     f.time("started"),
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

		Listener:         f.str("listener"),
		ListenerMetadata: f.str("listenerMetadata"),

		Resctrl:        f.str("resctrl"),
		ResctrlMonitor: f.str("resctrlMonitor"),
		ResctrlDelete:  f.str("resctrlDelete"),
	}
	if name := f.str("systemdUnit"); name != "" {
		r.Unit = &cgroups.Unit{Name: name, User: f.bool("systemdUser")}
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
