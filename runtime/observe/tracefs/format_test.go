package tracefs

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestAFormatFileTellsWhereAFieldIs(t *testing.T) {
	f, err := parseFormat(text(t, "signal_generate.format"))
	if err != nil {
		t.Fatal(err)
	}
	if f.name != "signal_generate" || f.id != 261 {
		t.Errorf("%s, %d", f.name, f.id)
	}
	if got, want := f.field("comm"), (field{name: "comm", offset: 20, size: 16, array: true}); got != want {
		t.Errorf("%+v", got)
	}
	if got, want := f.field("result"), (field{name: "result", offset: 44, size: 4, signed: true}); got != want {
		t.Errorf("%+v", got)
	}
	if f.field("nothing").has() {
		t.Error("a field that there is not")
	}
}

// The offsets are the kernel's to choose: the same event in another order.
func TestAnEventIsReadByItsFormatAlone(t *testing.T) {
	const theirs = `name: signal_generate
ID: 7
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:pid_t pid;	offset:8;	size:8;	signed:1;
	field:short code;	offset:16;	size:2;	signed:1;
	field:unsigned char sig;	offset:18;	size:1;	signed:0;
	field:char comm[4];	offset:20;	size:4;	signed:0;
	field:int result;	offset:24;	size:4;	signed:1;
`
	f, err := parseFormat([]byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	data := []byte{7, 0, inInterrupt, 0}
	data = binary.NativeEndian.AppendUint32(data, 11)
	data = binary.NativeEndian.AppendUint64(data, 12)
	data = binary.NativeEndian.AppendUint16(data, 0xfffa) // -6
	data = append(data, 15, 0, 's', 'h', 0, 'x', 1, 0, 0, 0)
	b := bind(generate, f)
	got := b.read(99, 3, data)
	want := raw{at: 99, cpu: 3, point: generate, by: 11, pid: 12, signal: 15, result: 1, code: -6, irq: true, comm: [16]byte{'s', 'h'}}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if short := b.read(99, 3, data[:10]); short.signal != 0 || short.by != 11 {
		t.Errorf("a short event: %+v", short)
	}
}

func TestATextElsewhereInTheEvent(t *testing.T) {
	f, err := parseFormat(text(t, "sched_process_exec.format"))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 20, 40)
	binary.NativeEndian.PutUint32(data[8:], 20|9<<16)
	binary.NativeEndian.PutUint32(data[12:], 5)
	data = append(data, "/bin/cat\x00"...)
	b := bind(exec, f)
	if r := b.read(1, 0, data); r.pid != 5 || string(r.comm[:4]) != "cat\x00" || r.text != "/bin/cat" {
		t.Errorf("%+v", r)
	}
	binary.NativeEndian.PutUint32(data[8:], 20|90<<16)
	if r := b.read(1, 0, data); r.comm != [16]byte{} {
		t.Errorf("a text that passes the end: %q", r.comm)
	}
}

func TestAFormatThatIsNoneIsAnError(t *testing.T) {
	for _, theirs := range []string{
		"", "name: x\n", "name: x\nID: 70000\n", "name: x\nID: 1\n\tfield:int;\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\nID: 1\n\tfield:int a;\toffset:-1;\tsize:4;\tsigned:1;\n", "name: x\nID: 1\n\tfield:int a;\toffset:0;\n",
	} {
		if f, err := parseFormat([]byte(theirs)); err == nil {
			t.Errorf("%q: %+v", theirs, f)
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, name := range []string{"signal_generate", "sched_process_exit", "sched_process_exec"} {
		f.Add(text(f, name+".format"), []byte(strings.Repeat("\x10", 64)))
	}
	f.Fuzz(func(t *testing.T, format, data []byte) {
		got, err := parseFormat(format)
		if err != nil {
			return
		}
		for p := range points {
			b := bind(p, got)
			b.read(0, 0, data)
		}
	})
}
