package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func kernelBTF(t testing.TB) []byte {
	t.Helper()
	blob, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the kernel has no BTF")
	}
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// The library's decoder is the judge.
func TestOffsetsAreThoseOfTheLibrary(t *testing.T) {
	k, err := readKernel(kernelBTF(t))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range k.members() {
		var s *btf.Struct
		if err := spec.TypeByName(m.structure, &s); err != nil {
			t.Fatal(err)
		}
		if off, ok := offsetOf(s.Members, m.name); !ok || off != int(*m.to) {
			t.Errorf("%s.%s: %d, the library has %d", m.structure, m.name, *m.to, off)
		}
	}
	for _, p := range programs {
		var def *btf.Typedef
		if err := spec.TypeByName(tracePrefix+p.point, &def); err != nil {
			t.Fatal(err)
		}
		id, err := spec.TypeID(def)
		if err != nil || uint32(id) != k.points[p.point].id {
			t.Errorf("%s: type %d, the library has %d, %v", p.point, k.points[p.point].id, id, err)
		}
		params := def.Type.(*btf.Pointer).Target.(*btf.FuncProto).Params[1:]
		if len(params) != len(k.points[p.point].pointers) {
			t.Fatalf("%s: %d arguments, the library has %d", p.point, len(k.points[p.point].pointers), len(params))
		}
		for i, param := range params {
			if _, pointer := btf.UnderlyingType(param.Type).(*btf.Pointer); pointer != k.points[p.point].pointers[i] {
				t.Errorf("%s, argument %d: %v", p.point, i, param.Type)
			}
		}
	}
}

// offsetOf is the offset of a member in bytes, also within anonymous structs.
func offsetOf(members []btf.Member, name string) (int, bool) {
	for _, m := range members {
		if m.Name == name {
			return int(m.Offset.Bytes()), true
		}
		var within []btf.Member
		switch u := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			within = u.Members
		case *btf.Union:
			within = u.Members
		}
		if off, ok := offsetOf(within, name); m.Name == "" && ok {
			return int(m.Offset.Bytes()) + off, true
		}
	}
	return 0, false
}

// blob is BTF of a struct with one member after an anonymous union of one, and a typedef ring.
func blob() []byte {
	names := []byte("\x00outer\x00last\x00inner\x00ring\x00")
	at := func(name string) uint32 { return uint32(bytes.Index(names, append([]byte(name), 0))) }
	words := []uint32{
		at("outer"), kindStruct<<24 | 2, 16, 0, 2, 32, at("last"), 3, 64, // 1
		0, kindUnion<<24 | 1, 4, at("inner"), 3, 0, // 2
		at("last"), kindInt << 24, 4, 32, // 3
		at("ring"), kindTypedef << 24, 4, // 4
	}
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	head := binary.LittleEndian.AppendUint16(nil, btfMagic)
	head = append(head, 1, 0)
	for _, w := range []int{headerSize, 0, len(data), len(data), len(names)} {
		head = binary.LittleEndian.AppendUint32(head, uint32(w))
	}
	return append(append(head, data...), names...)
}

func every([]byte) bool { return true }

func TestMembersOfAnonymousUnionsAreFound(t *testing.T) {
	ty, err := readTypes(blob(), every)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"inner": 4, "last": 8} {
		if off, err := ty.offset("outer", name); err != nil || off != want {
			t.Errorf("%s: %d, %v; want %d", name, off, err, want)
		}
	}
	if size, err := ty.size("outer"); err != nil || size != 16 {
		t.Errorf("size %d, %v", size, err)
	}
	for _, name := range []string{"ring", "nobody"} {
		if _, err := ty.offset(name, "last"); err == nil {
			t.Errorf("%s has a member", name)
		}
		if _, err := ty.size(name); err == nil {
			t.Errorf("%s has a size", name)
		}
		if _, err := ty.tracepoint(name); err == nil {
			t.Errorf("%s is a tracepoint", name)
		}
	}
}

func TestWhatIsNoBTFIsRefused(t *testing.T) {
	whole := blob()
	for n := range len(whole) {
		if _, err := readTypes(whole[:n], every); !errors.Is(err, errBTF) {
			t.Fatalf("the first %d bytes of %d: %v", n, len(whole), err)
		}
	}
	odd := bytes.Clone(whole)
	odd[headerSize+7] = 31 // the kind of the first type
	if _, err := readTypes(odd, every); !errors.Is(err, errBTF) {
		t.Errorf("a type of kind 31: %v", err)
	}
}

func FuzzReadTypes(f *testing.F) {
	f.Add(blob())
	f.Fuzz(func(t *testing.T, b []byte) {
		ty, err := readTypes(b, every)
		if err != nil {
			return
		}
		for name := range ty.named {
			if off, err := ty.offset(name, "last"); err == nil && off < 0 {
				t.Errorf("offset %d", off)
			}
			_, _ = ty.size(name)
		}
		for _, p := range programs {
			_, _ = ty.tracepoint(p.point)
		}
	})
}
