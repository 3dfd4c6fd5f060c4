package runtime

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const statTail = ` S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 3`

func TestParseStatWhateverTheProgramIsCalled(t *testing.T) {
	for _, comm := range []string{"sleep", "a b", "(", ")", ") S 1 2", "((x))", "", "a\nb", "0) Z 9 (0"} {
		got, err := parseStat("42 (" + comm + ")" + statTail)
		want := procStat{Comm: comm, State: 'S', Parent: 1, Start: 987654321, CPU: 3}
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v", comm, got, err)
		}
	}
}

func TestParseStatRefusesOtherText(t *testing.T) {
	for _, text := range []string{
		"", "42", "42 (x", "42 x)", ")(", "42 (x)", "42 (x) S 1 2 3",
		"42 (x)" + strings.TrimSuffix(statTail, " 3"),
		"42 (x)" + strings.Replace(statTail, " S 1 ", " SS 1 ", 1),
		"42 (x)" + strings.Replace(statTail, " S 1 ", " S x ", 1),
		"42 (x)" + strings.Replace(statTail, " 987654321 ", " -9 ", 1),
		")", "42 (x) Z 1 2", statOn("x"), statOn("-1"), statOn("9999999999"),
	} {
		if got, err := parseStat(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// A process that its parent is reaping at this moment is no zombie any more.
func TestStatusOfTheDead(t *testing.T) {
	const start = 987654321
	stat := func(state string) string { return "42 (sh) " + state + statTail[2:] + " 1792" }
	for _, tt := range []struct {
		text   string
		start  uint64
		status unix.WaitStatus
		ok     bool
	}{
		{stat("Z"), start, 7 << 8, true},
		{stat("X"), start, 7 << 8, true},
		{stat("S"), start, 0, false},
		{stat("Z"), start + 1, 0, false}, // of another process
	} {
		if status, ok, err := deadStatus(tt.text, tt.start); status != tt.status || ok != tt.ok || err != nil {
			t.Errorf("%q: %#x, %v, %v", tt.text, status, ok, err)
		}
	}
	if _, _, err := deadStatus("42 (sh) Z 1", start); err == nil {
		t.Error("no error for half a line")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (x)" + statTail)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseStat(text) })
}

func TestLockHolderIsFoundInProcLocks(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  READ 50 00:19:8086 0 EOF
2: FLOCK  ADVISORY  WRITE 51 00:19:8087 0 EOF
3: FLOCK  ADVISORY  WRITE 4152 00:19:8086 0 EOF
3: -> FLOCK  ADVISORY  WRITE 52 00:19:8086 0 EOF
4: LEASE  ACTIVE    READ  53 103:02:9 0 EOF
5: FLOCK  ADVISORY  WRITE 54 103:02:9 0 EOF
`
	for _, tt := range []struct {
		major, minor uint32
		inode        uint64
		want         int
	}{
		{0, 0x19, 8086, 4152},
		{0, 0x19, 8087, 51},
		{0x103, 2, 9, 54},
		{0, 0x19, 808, 0},
		{1, 0x19, 8086, 0},
	} {
		if got := lockHolder(locks, tt.major, tt.minor, tt.inode); got != tt.want {
			t.Errorf("%x:%x:%d: got %d, want %d", tt.major, tt.minor, tt.inode, got, tt.want)
		}
	}
	if got := lockHolder("", 0, 0x19, 8086); got != 0 {
		t.Errorf("no locks: got %d", got)
	}
}
