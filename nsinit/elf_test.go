package nsinit

import (
	"bytes"
	"debug/elf"
	"testing"
)

// The kernel's demands on an image, and ours: exactly two segments, none
// writable and executable, no interpreter, no executable stack.
func TestELF(t *testing.T) {
	for name, p := range map[string]*Plan{
		"birth": birth(400),
		"least": plan(exit(0)),
		"zeros": plan(do("close", Ptr{&Data{Size: 1 << 20}, 1<<20 - 1}), exit(0)),
		"odd":   plan(do("close", Ptr{&Data{Bytes: []byte("odd"), Align: 1}, 0}), exit(0)),
	} {
		for _, arch := range arches {
			t.Run(name+" "+arch, func(t *testing.T) {
				checkELF(t, mustAssemble(t, p.on(arch)).ELF, map[string]uint64{"amd64": 4096, "arm64": 65536}[arch])
			})
		}
	}
}

func checkELF(t *testing.T, file []byte, page uint64) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_EXEC || f.Class != elf.ELFCLASS64 || len(f.Sections) != 0 || len(f.Progs) != 3 {
		t.Fatalf("unexpected file: %+v", f)
	}
	data, code, stack := f.Progs[0], f.Progs[1], f.Progs[2]
	if data.Type != elf.PT_LOAD || code.Type != elf.PT_LOAD || stack.Type != elf.PT_GNU_STACK {
		t.Errorf("segments are %v, %v and %v", data.Type, code.Type, stack.Type)
	}
	if data.Flags != elf.PF_R|elf.PF_W || code.Flags != elf.PF_R|elf.PF_X || stack.Flags != elf.PF_R|elf.PF_W {
		t.Errorf("flags are %v, %v and %v", data.Flags, code.Flags, stack.Flags)
	}
	for _, s := range []*elf.Prog{data, code} {
		if s.Align != page || s.Off%page != s.Vaddr%page || s.Memsz < s.Filesz || s.Off+s.Filesz > uint64(len(file)) {
			t.Errorf("segment %+v is not for pages of %d", s.ProgHeader, page)
		}
	}
	if end := data.Vaddr + data.Memsz; (end+page-1)/page > code.Vaddr/page {
		t.Errorf("data to %#x and code from %#x share a page of %d", end, code.Vaddr, page)
	}
	if code.Vaddr+code.Memsz >= 1<<31 || f.Entry != code.Vaddr || f.Entry%4 != 0 {
		t.Errorf("code at %#x, entry %#x", code.Vaddr, f.Entry)
	}
}

// A container's PID 1 is a few pages, so the image has to be small.
func TestImageIsSmall(t *testing.T) {
	for _, arch := range arches {
		p := birth(400).on(arch)
		if size := len(mustAssemble(t, p).ELF); size > 20<<10 {
			t.Errorf("%s: an image of 400 steps has %d bytes", arch, size)
		}
	}
}
