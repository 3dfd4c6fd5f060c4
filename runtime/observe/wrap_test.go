package observe

import (
	"strings"
	"testing"
)

func TestTextIsWrappedAtBlanks(t *testing.T) {
	const text = "SIGTERM: predicted ignored: PID 1 has no handler for SIGTERM; the grace is in vain"
	lines := wrap(text, 100, 200, false)
	if len(lines) < 4 || strings.Join(lines, " ") != text {
		t.Errorf("%q", lines)
	}
	for i, line := range lines {
		if room := []int{100, 200}[min(i, 1)]; breadth(line, false) > room {
			t.Errorf("%q is %d wide, more than %d", line, breadth(line, false), room)
		}
	}
}

func TestALongWordIsBroken(t *testing.T) {
	word := strings.Repeat("CLONE_NEWNS|", 40)
	lines := wrap(word, 10, 100, true)
	if strings.Join(lines, "") != word || len(lines) < 20 {
		t.Errorf("%q", lines)
	}
	if lines := wrap("", 0, 0, false); len(lines) != 1 || lines[0] != "" {
		t.Errorf("nothing is %q", lines)
	}
	if lines := wrap("→→→", 0, 0, false); strings.Join(lines, "") != "→→→" || len(lines) != 3 {
		t.Errorf("%q", lines)
	}
}
