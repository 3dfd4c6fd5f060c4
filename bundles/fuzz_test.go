package bundles

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What Decode accepts is JSON, and encoding/json reads the same from it.
// The text is normalised first where the two differ on purpose: a key that
// comes twice or in another case, and other platforms.
func FuzzDecode(f *testing.F) {
	for _, data := range readConfigs(f) {
		f.Add(data)
	}
	f.Add(DefaultConfig())
	f.Add([]byte(`{"a":[1,-0.5e+3,{"b":"\ud83d\ude00\n"}],"mounts":[null,{"options":[]}],"linux":{"rdma":{"x":null}}}`))
	names := specNames()
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Decode(bytes.Clone(data)); err == nil && !json.Valid(data) {
			t.Fatalf("accepted what is not JSON: %q", data)
		} else if err != nil && strings.Count(err.Error(), "\n") > 0 {
			t.Fatalf("an error of more than one line: %q", err)
		}
		data = normalise(data, names)
		if data == nil {
			return
		}
		var want specs.Spec
		wantErr := json.Unmarshal(data, &want)
		got, err := Decode(data)
		switch {
		case err == nil && wantErr != nil:
			t.Fatalf("accepted %s, encoding/json says %v", data, wantErr)
		case err != nil && wantErr == nil && !stricter(err):
			t.Fatalf("refused %s: %v", data, err)
		case err == nil && !reflect.DeepEqual(got, &want):
			t.Fatalf("%s\n got %+v\nwant %+v", data, got, &want)
		}
		if err == nil {
			_ = Validate(got)
		}
	})
}

// stricter are the refusals that encoding/json does not have.
func stricter(err error) bool {
	return strings.Contains(err.Error(), "NUL byte") || strings.Contains(err.Error(), "nested deeper")
}

// specNames maps the lower-case form of every property to its name.
func specNames() map[string]string {
	names := map[string]string{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
				if forLinux(t.Field(i)) {
					names[strings.ToLower(name)] = name
					walk(t.Field(i).Type)
				} else {
					names[strings.ToLower(name)] = "(for another platform)"
				}
			}
		}
	}
	walk(reflect.TypeFor[specs.Spec]())
	return names
}

// normalise leaves out the second of two keys and every key whose case or
// platform is not ours. It returns nil for what is not an object.
func normalise(data []byte, names map[string]string) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var root map[string]any
	if d.Decode(&root) != nil || root == nil {
		return nil
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for key, element := range v {
				// strings.ToLower knows U+017F and U+212A, which
				// encoding/json takes for s and k.
				folded := strings.ToLower(strings.ToUpper(key))
				if name, known := names[folded]; known && name != key {
					delete(v, key)
					continue
				}
				walk(element)
			}
		}
	}
	walk(root)
	out, err := json.Marshal(root)
	if err != nil {
		return nil
	}
	return out
}

// What comes out is what mount_setattr(2) and fsconfig(2) accept.
func FuzzParseMountOptions(f *testing.F) {
	f.Add("ro nosuid strictatime noatime rro rslave size=1k,mode=755 rbind")
	f.Add("remount rw async atime rnostrictatime x=,=y")
	f.Fuzz(func(t *testing.T, text string) {
		options := strings.Split(text, " ")
		o, err := ParseMountOptions(options)
		if err != nil {
			return
		}
		checkAttr(t, o.Attr)
		checkAttr(t, o.RecAttr)
		for _, kv := range o.Data {
			if kv.Flag && kv.Value != "" {
				t.Errorf("%q: a flag with a value: %+v", text, kv)
			}
			if !strings.Contains(text, kv.String()) {
				t.Errorf("%q: %q is not in it", text, kv)
			}
		}
		for i, name := range o.SBFlags {
			if !strings.Contains(text, name) || strings.Contains(strings.Join(o.SBFlags[:i], " "), name) {
				t.Errorf("%q: flags %q", text, o.SBFlags)
			}
		}
	})
}

func checkAttr(t *testing.T, a MountAttr) {
	t.Helper()
	const field = unix.MOUNT_ATTR__ATIME
	if a.Set&a.Clear&^field != 0 {
		t.Errorf("%+v sets and clears a bit", a)
	}
	switch a.Clear & field {
	case 0:
		if a.Set&field != 0 {
			t.Errorf("%+v sets a mode without clearing the field", a)
		}
	case field:
		if mode := a.Set & field; mode != 0 && mode != unix.MOUNT_ATTR_NOATIME && mode != unix.MOUNT_ATTR_STRICTATIME {
			t.Errorf("%+v has no valid mode", a)
		}
	default:
		t.Errorf("%+v clears a part of the field", a)
	}
}
