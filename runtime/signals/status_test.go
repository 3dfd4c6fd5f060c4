package signals

import (
	"reflect"
	"strings"
	"testing"
)

const statusText = `Name:	tini
Umask:	0022
State:	S (sleeping)
Tgid:	4711
Ngid:	0
Pid:	4711
PPid:	4700
TracerPid:	0
Uid:	0	0	0	0
NStgid:	4711	1
NSpid:	4711	1
CoreDumping:	0
Threads:	1
SigQ:	0/96365
SigPnd:	0000000000000000
ShdPnd:	0000000000004000
SigBlk:	0000000000010000
SigIgn:	0000000000300000
SigCgt:	0000000180014a07
CapInh:	0000000000000000
`

func TestParseStatus(t *testing.T) {
	got, err := ParseStatus([]byte(statusText))
	want := Status{
		Name: "tini", State: 'S', Pid: 4711, PPid: 4700, NSpid: []int{4711, 1},
		Shared: SetOf(15), Blocked: SetOf(17), Ignored: SetOf(21, 22), Caught: SetOf(1, 2, 3, 10, 12, 15, 17, 32, 33),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseStatusRefusesHalfATruth(t *testing.T) {
	for _, line := range []string{"State", "Pid", "NSpid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"} {
		without := strings.Replace(statusText, "\n"+line+":", "\nOther:", 1)
		if _, err := ParseStatus([]byte(without)); err == nil || !strings.Contains(err.Error(), "missing") {
			t.Errorf("without %s: %v", line, err)
		}
	}
	for _, damage := range [][2]string{
		{"State:\tS (sleeping)", "State:\t"}, {"\nPid:\t4711", "\nPid:\tx"}, {"SigCgt:\t0", "SigCgt:\tz"},
		{"NSpid:\t4711\t1", "NSpid:\t4711\tone"}, {"TracerPid:\t0", "TracerPid:\t-"},
	} {
		if _, err := ParseStatus([]byte(strings.Replace(statusText, damage[0], damage[1], 1))); err == nil {
			t.Errorf("accepted %q", damage[1])
		}
	}
}

func TestParseStatusMakesNamesPrintable(t *testing.T) {
	s, err := ParseStatus([]byte(strings.Replace(statusText, "tini", "\x1b[2J\xffé", 1)))
	if err != nil || s.Name != "?[2J?é" {
		t.Errorf("%q, %v", s.Name, err)
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string]Stat{
		"4711 (a) b (c) S 4700 4711 4600 34816 4711 4194304 100 0": {PPid: 4700, Group: 4711, Session: 4600},
		"5779 (program) X 0 -1 -1 0 -1 4195404 0":                  {Group: -1, Session: -1, Exiting: true},
		"1 (sh) Z 0 1 1 0 -1 4228364 0 0":                          {Group: 1, Session: 1, Exiting: true},
	} {
		if got, err := ParseStat([]byte(text)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1 (sh", "1 (sh) S 1 1", "1 (sh) S a 1 1 0 -1 0 0", "1 (sh) S 1 1 1 0 -1 x 0", "1 S 1 1 1 0 -1 0 0"} {
		if _, err := ParseStat([]byte(text)); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

func TestParseSyscall(t *testing.T) {
	for text, want := range map[string]Syscall{
		"running\n":      {Number: -1},
		"-1 0x7ffd 0x7f": {Number: -1},
		"128 0x10 0x0 0x0 0x8 0x0 0xff 0x7ffd 0x7f\n": {Number: 128, Args: [6]uint64{16, 0, 0, 8, 0, 255}},
	} {
		if got, err := ParseSyscall([]byte(text)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "128", "x 0x0 0x0 0x0 0x0 0x0 0x0", "1 0x0 0x0 0x0 0x0 0x0 0xg"} {
		if _, err := ParseSyscall([]byte(text)); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

func TestParseSignalfd(t *testing.T) {
	got, ok, err := ParseSignalfd([]byte("pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t2058\nsigmask:\t0000000000004200\n"))
	if got != SetOf(10, 15) || !ok || err != nil {
		t.Errorf("%x, %v, %v", got, ok, err)
	}
	if _, ok, err := ParseSignalfd([]byte("pos:\t0\nflags:\t02\n")); ok || err != nil {
		t.Errorf("a file that is no signalfd: %v, %v", ok, err)
	}
	if _, _, err := ParseSignalfd([]byte("sigmask:\t\n")); err == nil {
		t.Error("accepted an empty mask")
	}
}

func TestOrphanedGroup(t *testing.T) {
	shell, job, member := Stat{PPid: 1, Group: 10, Session: 10}, Stat{PPid: 10, Group: 20, Session: 10}, Stat{PPid: 20, Group: 20, Session: 10}
	for _, c := range []struct {
		name string
		all  map[int]Stat
		want bool
	}{
		{"a job of a shell", map[int]Stat{10: shell, 20: job, 21: member}, false},
		{"the shell is gone", map[int]Stat{20: {PPid: 1, Group: 20, Session: 10}, 21: member, 1: {Group: 1, Session: 1}}, true},
		{"the parent is not shown", map[int]Stat{20: {PPid: 0, Group: 20, Session: 20}}, true},
		{"the parent is of another session", map[int]Stat{10: shell, 20: {PPid: 10, Group: 20, Session: 20}}, true},
	} {
		if got := orphaned(20, c.all); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte(statusText))
	f.Add([]byte("1 (sh) Z 0 1 1 0 -1 4228364 0 0"))
	f.Add([]byte("128 0x10 0x0 0x0 0x8 0x0 0xff 0x7ffd 0x7f\n"))
	f.Add([]byte("sigmask:\t0000000000004200\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseStatus(text); err == nil {
			if s.State == 0 || strings.ContainsFunc(s.Name, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%+v", s)
			}
			Explain(Task{Status: s, Threads: []Thread{{Status: s}}})
		}
		ParseStat(text)
		ParseSyscall(text)
		ParseSignalfd(text)
	})
}
