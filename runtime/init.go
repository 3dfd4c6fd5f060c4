package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"minirun/nsinit"
)

// InitOptions are the flags of the built-in init, as they were written; an
// empty one stands for the annotation minirun.init.NAME, and without that for
// the default.
type InitOptions struct {
	On      bool   // --init, or the annotation minirun.init=true
	Forward string // child, group or all
	Wait    string // main or all
	Grace   string // a duration, "90s", or never
	ExitMap string // CODE:CODE[,CODE:CODE…]
}

// defaultGrace is short beside the 10 s that engines give a whole container.
const defaultGrace = 5 * time.Second

// initOf is the init that the flags and the annotations of a container ask
// for, nil when they ask for none.
func initOf(o InitOptions, annotations map[string]string) (*nsinit.Init, error) {
	on := o.On
	if text, ok := annotations["minirun.init"]; ok && !on {
		var err error
		if on, err = strconv.ParseBool(text); err != nil {
			return nil, fmt.Errorf("annotation minirun.init: %q: want true or false", text)
		}
	}
	if !on {
		return nil, o.unused()
	}
	in := &nsinit.Init{}
	for _, p := range []struct {
		name, flag string
		parse      func(*nsinit.Init, string) error
	}{
		{"forward", o.Forward, parseForward}, {"wait", o.Wait, parseWait},
		{"grace", o.Grace, parseGrace}, {"exit-map", o.ExitMap, parseExitMap},
	} {
		text, source := p.flag, "--init-"+p.name
		if text == "" {
			text, source = annotations["minirun.init."+p.name], "annotation minirun.init."+p.name
		}
		if err := p.parse(in, text); err != nil {
			return nil, fmt.Errorf("%s %q: %w", source, text, err)
		}
	}
	in.Stop, _ = stopSignal(0, annotations) // stop complains of one that cannot be read
	return in, nil
}

// unused refuses flags that mean nothing without an init.
func (o InitOptions) unused() error {
	if o != (InitOptions{}) {
		return errors.New("--init-forward, --init-wait, --init-grace and --init-exit-map need --init")
	}
	return nil
}

func parseForward(in *nsinit.Init, text string) error {
	switch f := nsinit.Forward(text); f {
	case "":
		in.Forward = nsinit.ForwardChild
	case nsinit.ForwardChild, nsinit.ForwardGroup, nsinit.ForwardAll:
		in.Forward = f
	default:
		return errors.New("want child, group or all")
	}
	return nil
}

func parseWait(in *nsinit.Init, text string) error {
	switch w := nsinit.InitWait(text); w {
	case "":
		in.Wait = nsinit.WaitAll
	case nsinit.WaitMain, nsinit.WaitAll:
		in.Wait = w
	default:
		return errors.New("want main or all")
	}
	return nil
}

func parseGrace(in *nsinit.Init, text string) (err error) {
	switch text {
	case "":
		in.Grace = defaultGrace
	case "never":
		in.Grace = -1
	default:
		in.Grace, err = time.ParseDuration(text)
		if err != nil || in.Grace < 0 {
			return errors.New("want a duration such as 500ms or 1m30s, or never")
		}
		in.Grace = max(in.Grace.Round(time.Microsecond), 0)
	}
	return nil
}

func parseExitMap(in *nsinit.Init, text string) error {
	for pair := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, _ := strings.Cut(pair, ":")
		f, err1 := strconv.ParseUint(from, 10, 8)
		t, err2 := strconv.ParseUint(to, 10, 8)
		if err1 != nil || err2 != nil {
			return errors.New("want CODE:CODE with codes from 0 to 255, as 143:0")
		}
		in.Exit = append(in.Exit, nsinit.ExitCode{From: int(f), To: int(t)})
	}
	return nil
}
