package bpf

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOrdersAreObeyedLineByLine(t *testing.T) {
	var got []uint32
	obey := func(n uint32) error { got = append(got, n); return nil }
	for _, in := range []io.Reader{strings.NewReader("watch 7\nwatch 4026532273\n"), iotest.OneByteReader(strings.NewReader("watch 7\nwatch 4026532273\n"))} {
		got = nil
		o := &orders{in: in, obey: obey}
		for more := true; more; {
			var err error
			if more, err = o.read(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, []uint32{7, 4026532273}) {
			t.Errorf("obeyed %d", got)
		}
	}
}

func TestWhatIsNoOrderEndsTheWatch(t *testing.T) {
	for _, in := range []string{"watch\n", "watch -1\n", "watch 4294967296\n", "stop\n", "\n", "watch " + strings.Repeat("1", 100)} {
		o := &orders{in: strings.NewReader(in), obey: func(uint32) error { return nil }}
		if more, err := o.read(); err == nil || more {
			t.Errorf("%q was taken", in)
		}
	}
	broken := errors.New("broken")
	o := &orders{in: strings.NewReader("watch 1\n"), obey: func(uint32) error { return broken }}
	if _, err := o.read(); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func TestFlags(t *testing.T) {
	for args, ok := range map[string]bool{
		"": true, "--level 2 --expect 7 --namespace 4026532273 --ring 8388608": true,
		"--level 0": false, "--level 33": false, "--ring 5000": false, "--ring 1024": false, "--ring 0": false, "more": false, "--no": false,
	} {
		var o options
		if err := o.parse(strings.Fields(args)); (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
	}
}
