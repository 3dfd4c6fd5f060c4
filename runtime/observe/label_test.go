package observe

import "testing"

func TestALabelIsAsShortAsWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		task Task
		want string
	}{
		{Task{Tgid: 70, Inside: 7, Own: 7, Comm: Comm("sh")}, "7 sh"},
		{Task{Tgid: 70, Inside: 7, Own: 1, Depth: 1, Comm: Comm("sh")}, "7/1 sh"},
		{Task{Tgid: 70, Inside: 7, Own: 7}, "7"},
		{Task{Tgid: 70, Comm: Comm("minirun")}, "minirun [70]"},
		{Task{Tgid: 70}, "[70]"}, // it was gone before it could be looked at
		{Task{Tgid: 70, Comm: Comm("\x1b[2J\n")}, `\x1b[2J\x0a [70]`},
	} {
		if got := (&Process{Task: c.task}).label(""); got != c.want {
			t.Errorf("%+v: %q, want %q", c.task, got, c.want)
		}
	}
}
