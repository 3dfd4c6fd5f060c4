package runtime

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWordsOfAnAsking(t *testing.T) {
	const ignored = "ignored: PID 1 has no handler for SIGTERM"
	kill := asking{Signal: 9, At: 11 * time.Second, Answer: "fatal"}
	for _, c := range []struct {
		now, before asking
		want        string
	}{
		{asking{Signal: 15, Answer: "handled: PID 1 has a handler"}, asking{}, "SIGTERM: predicted handled: PID 1 has a handler"},
		{asking{Signal: 15, Answer: ignored, InVain: true}, asking{}, "SIGTERM: predicted " + ignored + "; the caller's grace is in vain"},
		{kill, asking{}, "SIGKILL, and nothing before it"},
		{kill, asking{Signal: 15, At: time.Second, Answer: ignored, InVain: true}, "SIGKILL, 10s after SIGTERM, which was " + ignored},
		{kill, asking{Signal: 2, At: time.Second, Answer: "handled"}, "SIGKILL: still there 10s after SIGINT"},
		{kill, asking{Signal: 9, At: 10 * time.Second}, "SIGKILL again, 1s after the first"},
	} {
		if got := c.now.words(c.before); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		back, err := decodeAsking(c.now.encode())
		if err != nil || back != c.now {
			t.Errorf("%+v came back as %+v, %v", c.now, back, err)
		}
	}
}

func TestSignalsThatAskToEnd(t *testing.T) {
	own := map[string]string{stopSignalKey: "SIGUSR1"}
	for _, c := range []struct {
		sig         unix.Signal
		annotations map[string]string
		want        bool
	}{
		{unix.SIGTERM, nil, true}, {unix.SIGKILL, nil, true}, {unix.SIGINT, nil, true}, {unix.SIGUSR1, own, true},
		{unix.SIGUSR1, nil, false}, {unix.SIGCONT, nil, false}, {unix.SIGWINCH, own, false}, {0, nil, false},
	} {
		if got := asksToEnd(c.sig, c.annotations); got != c.want {
			t.Errorf("%v with %v: %v", c.sig, c.annotations, got)
		}
	}
}

func TestReportFile(t *testing.T) {
	for in, want := range map[string]string{"": "", "/a/b": "/a/b", "b.txt": "/bundle/b.txt", "/a/{id}.html": "/a/c1.html", "{id}/{id}": "/bundle/c1/c1"} {
		if got := reportFile(in, "c1", "/bundle"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeAsking(f *testing.F) {
	f.Add(string(asking{Signal: 15, At: 1, Answer: "x", InVain: true}.encode()))
	f.Add(`{"signal":1e400}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := decodeAsking([]byte(text))
		if err != nil {
			return
		}
		if back, err := decodeAsking(a.encode()); err != nil || back != a {
			t.Errorf("%+v came back as %+v, %v", a, back, err)
		}
	})
}
