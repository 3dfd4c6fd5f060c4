package bundles

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// readConfigs returns the recorded files by name.
func readConfigs(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/configs/*.json")
	if err != nil || len(paths) < 22 {
		t.Fatalf("recorded configs: %d, %v", len(paths), err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = data
	}
	return all
}

// same compares what decode makes of data with encoding/json.
func same[T any](t *testing.T, data []byte, decode func([]byte) (*T, error)) {
	t.Helper()
	got, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := new(T)
	if err := json.Unmarshal(data, want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		t.Errorf("decoded\n%s\nencoding/json has\n%s", g, w)
	}
}

func TestRecordedConfigsDecodeLikeEncodingJSON(t *testing.T) {
	for name, data := range readConfigs(t) {
		t.Run(name, func(t *testing.T) {
			switch {
			case strings.HasSuffix(name, "-process.json"):
				same(t, data, DecodeProcess)
			case strings.HasSuffix(name, "-resources.json"):
				same(t, data, DecodeResources)
			default:
				same(t, data, Decode)
			}
		})
	}
}

// A field of specs.Spec that Decode forgets stays zero and fails here.
func TestEveryFieldForLinuxIsDecoded(t *testing.T) {
	var full specs.Spec
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	if n < 200 {
		t.Fatalf("only %d leaves filled", n)
	}
	data, err := json.Marshal(&full)
	if err != nil {
		t.Fatal(err)
	}
	same(t, data, Decode)

	process, _ := json.Marshal(full.Process)
	same(t, process, DecodeProcess)
	resources, _ := json.Marshal(full.Linux.Resources)
	same(t, resources, DecodeResources)
}

// fill gives every field that is meant for Linux a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(element, n)
			v.SetMapIndex(reflect.ValueOf("key"+strconv.Itoa(*n)), element)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if forLinux(v.Type().Field(i)) {
				fill(v.Field(i), n)
			}
		}
	case reflect.String:
		v.SetString("value" + strconv.Itoa(*n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		if v.CanInt() {
			v.SetInt(-int64(*n))
		} else {
			v.SetUint(uint64(*n))
		}
	}
}

func forLinux(f reflect.StructField) bool {
	platform, has := f.Tag.Lookup("platform")
	return !has || strings.Contains(platform, "linux")
}

func TestOtherPlatformsAreIgnored(t *testing.T) {
	got, err := Decode([]byte(`{"ociVersion":"1.0.0","solaris":1,"windows":{"layerFolders":3},"vm":[],"zos":"",
		"freebsd":true,"process":{"commandLine":7,"user":{"username":[]}},"org.example.future":{"a":[null,1e9]}}`))
	want := &specs.Spec{Version: "1.0.0", Process: &specs.Process{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDecodeKeepsTheLettersOfTheSpecification(t *testing.T) {
	for _, tc := range []struct{ name, text, hostname string }{
		{"the case of a key counts", `{"HOSTNAME":"a","Hostname":"b"}`, ""},
		{"the last of two keys counts", `{"hostname":"a","hostname":"b"}`, "b"},
		{"null is absent", `{"hostname":null,"process":null,"mounts":null,"linux":null,"annotations":null}`, ""},
		{"escapes", `{"hostn\u0061me":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, "\"\\/\b\f\n\r\té😀"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode([]byte(tc.text))
			if want := (&specs.Spec{Hostname: tc.hostname}); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTheLastOfTwoObjectsCountsWhole(t *testing.T) {
	got, err := Decode([]byte(`{"root":{"path":"a","readonly":true},"mounts":[{"type":"x"}],"annotations":{"k":"v"},
		"root":{"path":"b"},"mounts":[{}],"annotations":{}}`))
	want := &specs.Spec{Root: &specs.Root{Path: "b"}, Mounts: []specs.Mount{{}}, Annotations: map[string]string{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnnotationValuesMayHaveAnyCharacter(t *testing.T) {
	got, err := Decode([]byte(`{"annotations":{"k":"a\u0000b"}}`))
	if err != nil || got.Annotations["k"] != "a\x00b" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDeepNestingEndsInAnError(t *testing.T) {
	deep := func(n int) []byte {
		return []byte(`{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	if _, err := Decode(deep(299)); err != nil {
		t.Error(err)
	}
	for _, n := range []int{300, 301, 100_000} {
		_, err := Decode(deep(n))
		if want := "line 1, column 305: nested deeper than 300"; err == nil || err.Error() != want {
			t.Errorf("%d: got %v, want %s", n, err, want)
		}
	}
}

func BenchmarkDecodeDocker(b *testing.B) {
	data := readConfigs(b)["docker.json"]
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidateDocker(b *testing.B) {
	spec, err := Decode(readConfigs(b)["docker.json"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(spec); err != nil {
			b.Fatal(err)
		}
	}
}
