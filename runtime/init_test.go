package runtime

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"minirun/nsinit"
)

func TestInitOf(t *testing.T) {
	plain := nsinit.Init{Forward: nsinit.ForwardChild, Wait: nsinit.WaitAll, Grace: defaultGrace, Stop: 15}
	with := func(change func(*nsinit.Init)) *nsinit.Init {
		in := plain
		change(&in)
		return &in
	}
	for _, c := range []struct {
		name        string
		flags       InitOptions
		annotations map[string]string
		want        *nsinit.Init
		err         string
	}{
		{name: "nobody asks"},
		{name: "annotation says no", annotations: map[string]string{"minirun.init": "false", "minirun.init.grace": "1s"}},
		{name: "flag", flags: InitOptions{On: true}, want: &plain},
		{name: "flag over annotation", flags: InitOptions{On: true}, annotations: map[string]string{"minirun.init": "false"}, want: &plain},
		{name: "annotation", annotations: map[string]string{"minirun.init": "true"}, want: &plain},
		{name: "all flags", flags: InitOptions{true, "group", "main", "1m30s", "143:0,1:2 3:4"},
			want: &nsinit.Init{Forward: nsinit.ForwardGroup, Wait: nsinit.WaitMain, Grace: 90 * time.Second, Stop: 15,
				Exit: []nsinit.ExitCode{{From: 143, To: 0}, {From: 1, To: 2}, {From: 3, To: 4}}}},
		{name: "all annotations", annotations: map[string]string{"minirun.init": "1", "minirun.init.forward": "all",
			"minirun.init.wait": "all", "minirun.init.grace": "never", "minirun.init.exit-map": "0:1", stopSignalKey: "SIGQUIT"},
			want: &nsinit.Init{Forward: nsinit.ForwardAll, Wait: nsinit.WaitAll, Grace: -1, Stop: 3, Exit: []nsinit.ExitCode{{From: 0, To: 1}}}},
		{name: "a flag over its annotation", flags: InitOptions{On: true, Grace: "2s"}, annotations: map[string]string{"minirun.init.grace": "9s"},
			want: with(func(in *nsinit.Init) { in.Grace = 2 * time.Second })},
		{name: "what a timer cannot tell from zero", flags: InitOptions{On: true, Grace: "300ns"}, want: with(func(in *nsinit.Init) { in.Grace = 0 })},
		{name: "negative", flags: InitOptions{On: true, Grace: "-1s"}, err: `--init-grace "-1s": want a duration`},
		{name: "a code too large", flags: InitOptions{On: true, ExitMap: "256:0"}, err: "want CODE:CODE"},
		{name: "half a pair", flags: InitOptions{On: true, ExitMap: "3"}, err: "want CODE:CODE"},
		{name: "without --init", flags: InitOptions{Wait: "main"}, err: "need --init"},
		{name: "not a truth", annotations: map[string]string{"minirun.init": "yes"}, err: `annotation minirun.init: "yes": want true or false`},
		{name: "annotation's value", annotations: map[string]string{"minirun.init": "true", "minirun.init.wait": "x"},
			err: `annotation minirun.init.wait "x": want main or all`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := initOf(c.flags, c.annotations)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}
