package runtime

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A zombie's, of Linux 6.18; older ones pad the names with less.
const schedText = `sleep (4242, #threads: 1)
-------------------------------------------------------------------
se.exec_start                                :      35558193.466668
se.vruntime                                  :          -133.648680
se.sum_exec_runtime                          :             4.122314
se.nr_migrations                             :                    1
`

func statOn(cpu string) string {
	return "42 (a) b) Z 1" + strings.Repeat(" 0", 39-5) + " " + cpu + " 0 0"
}

func TestParseSched(t *testing.T) {
	want := schedTimes{35558193466668, 4122314}
	for _, text := range []string{schedText, strings.ReplaceAll(schedText, "     ", " ")} {
		if got, err := parseSched(text); got != want || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, text := range []string{
		"", "se.exec_start", "se.exec_start : 1.000000\n", "se.sum_exec_runtime : 1.000000\n",
		strings.Replace(schedText, "35558193.466668", "35558193", 1),
		strings.Replace(schedText, "35558193.466668", "35558193.46666", 1),
		strings.Replace(schedText, "35558193.466668", "-35558193.466668", 1),
		strings.Replace(schedText, "35558193.466668", "+1.466668", 1),
		strings.Replace(schedText, "35558193.466668", "99999999999999.466668", 1),
		strings.Replace(schedText, "4.122314", "4.1x2314", 1),
	} {
		if got, err := parseSched(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func FuzzParseSched(f *testing.F) {
	f.Add(schedText)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSched(text)
		if got.ExecStart < 0 || got.Runtime < 0 {
			t.Errorf("%+v", got)
		}
		if err == nil {
			ms := func(d time.Duration) string { return fmt.Sprintf("%d.%06d", d/1e6, d%1e6) }
			text = "se.exec_start:" + ms(got.ExecStart) + "\nse.sum_exec_runtime:" + ms(got.Runtime)
			if again, err := parseSched(text); again != got || err != nil {
				t.Errorf("%q: %+v, not %+v, %v", text, again, got, err)
			}
		}
	})
}

func TestCorpseFromProc(t *testing.T) {
	want := corpse{cpu: 3, ended: 35558193466668, alone: true}
	stat := procStat{State: 'Z', CPU: 3}
	if got, err := corpseFrom(stat, schedText, 4122314); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	want.alone = false
	if got, err := corpseFrom(stat, schedText, 4122315); got != want || err != nil {
		t.Errorf("with threads: %+v, %v", got, err)
	}
	if got, err := corpseFrom(stat, "", 0); err == nil {
		t.Errorf("without a sched file: %+v", got)
	}
}

func TestSameZombie(t *testing.T) {
	stat := func(state, start, cpu string) procStat {
		s, err := parseStat("42 (a) b) " + state + " 1" + strings.Repeat(" 0", 22-5) + " " + start + strings.Repeat(" 0", 39-23) + " " + cpu + " 0")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	z := stat("Z", "77", "3")
	for _, tt := range []struct {
		before, after procStat
		want          bool
	}{
		{z, z, true},
		{stat("R", "77", "3"), z, false},
		{z, stat("X", "77", "3"), false},
		{z, stat("Z", "78", "3"), false},
		{stat("Z", "77", "2"), z, false},
		{procStat{}, z, false},
		{z, procStat{}, false},
	} {
		if got := sameZombie(tt.before, tt.after); got != tt.want {
			t.Errorf("%+v, then %+v: %v", tt.before, tt.after, got)
		}
	}
}

func TestSinceADeath(t *testing.T) {
	const s = time.Second
	run := func(now time.Duration) queueClock { return newQueueClock(now, 1000*s, 1000*s) }
	for _, tt := range []struct {
		name  string
		c     corpse
		clock queueClock
		want  Elapsed
	}{
		{"a clock that keeps time", corpse{0, 900 * s, true}, run(1000 * s), Elapsed{100 * s, Exactly}},
		{"one ahead, which began before", corpse{0, 900 * s, true}, run(1001 * s), Elapsed{101 * s, Exactly}},
		{"just now", corpse{0, 1000 * s, true}, run(1000 * s), Elapsed{0, Exactly}},
		{"interrupts took a tenth", corpse{0, 800 * s, true}, run(900 * s), Elapsed{100 * s, AtLeast}},
		{"a clock of another kind", corpse{0, 1800 * s, true}, run(1900 * s), Elapsed{100 * s, AtLeast}},
		{"suspended since boot", corpse{0, 900 * s, true}, newQueueClock(1000*s, 1000*s, 1010*s), Elapsed{100 * s, AtLeast}},
		{"threads", corpse{0, 900 * s, false}, run(1000 * s), Elapsed{101*s + 10*time.Millisecond, AtMost}},
		{"threads, and interrupts", corpse{0, 800 * s, false}, run(900 * s), Elapsed{}},
		{"after now", corpse{0, 1001 * s, true}, run(1000 * s), Elapsed{}},
		{"never ran", corpse{0, 0, true}, run(1000 * s), Elapsed{}},
	} {
		if got := tt.c.since(tt.clock); got != tt.want {
			t.Errorf("%s: %+v, not %+v", tt.name, got, tt.want)
		}
	}
}

func TestElapsedInWords(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		e      Elapsed
		within time.Duration // since the start of the process
		want   string
		json   string
	}{
		{Elapsed{3290 * ms, Exactly}, time.Hour, "for 3.2s", `{"seconds":3.290,"bound":"exactly"}`},
		{Elapsed{3290 * ms, AtLeast}, time.Hour, "for at least 3.2s", `{"seconds":3.290,"bound":"at least"}`},
		{Elapsed{3210 * ms, AtMost}, time.Hour, "for at most 3.3s", `{"seconds":3.210,"bound":"at most"}`},
		{Elapsed{3200 * ms, AtMost}, time.Hour, "for at most 3.2s", `{"seconds":3.200,"bound":"at most"}`},
		{Elapsed{61900 * ms, Exactly}, time.Hour, "for 1m1s", `{"seconds":61.900,"bound":"exactly"}`},
		{Elapsed{61900 * ms, AtMost}, time.Hour, "for at most 1m2s", `{"seconds":61.900,"bound":"at most"}`},
		{Elapsed{61900 * ms, AtMost}, 50 * time.Second, "for at most 50s", `{"seconds":50.000,"bound":"at most"}`},
		{Elapsed{99 * ms, Exactly}, 90 * ms, "for 0s", `{"seconds":0.090,"bound":"exactly"}`},
		{Elapsed{}, 50 * time.Second, "for at most 50s", `{"seconds":50.000,"bound":"at most"}`},
	} {
		e := tt.e.within(tt.within)
		var w jsonWriter
		e.append(&w)
		if e.String() != tt.want || string(w.buf) != tt.json || !json.Valid(w.buf) {
			t.Errorf("%q, not %q; %s", e.String(), tt.want, w.buf)
		}
	}
	if text := (Elapsed{}).String(); text != "" {
		t.Errorf("of nothing: %q", text)
	}
}
