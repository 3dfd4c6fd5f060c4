package signals

import (
	"flag"
	"fmt"
	"io"

	"github.com/valyala/fastjson"
)

// An Ask is a Question in the words of the command line
//
//	minirun signals --verdict --target init --sender inside --how kill --disposition dfl TERM KILL
//
// which needs no container: the whole rule can be tabulated with it.
type Ask struct {
	Target, Sender, How, Disposition string
	Blocked, Waiting, Traced, Dying  bool
}

// Flags declares the flags of an Ask, with their defaults.
func (k *Ask) Flags(fs *flag.FlagSet) {
	fs.StringVar(&k.Target, "target", "init", "")
	fs.StringVar(&k.Sender, "sender", "outside", "")
	fs.StringVar(&k.How, "how", "kill", "")
	fs.StringVar(&k.Disposition, "disposition", "dfl", "")
	fs.BoolVar(&k.Blocked, "blocked", false, "")
	fs.BoolVar(&k.Waiting, "waiting", false, "")
	fs.BoolVar(&k.Traced, "traced", false, "")
	fs.BoolVar(&k.Dying, "dying", false, "")
}

// Question reads the words; the signal is left open.
func (k Ask) Question() (Question, error) {
	q := Question{Blocked: k.Blocked, Waiting: k.Waiting, Traced: k.Traced, Dying: k.Dying}
	target, err := index("target", []string{"process", "init"}, k.Target)
	if err != nil {
		return q, err
	}
	sender, err := index("sender", []string{"outside", "inside"}, k.Sender)
	if err != nil {
		return q, err
	}
	q.Init, q.Inside = target == 1, sender == 1
	if q.How, err = ParseHow(k.How); err != nil {
		return q, err
	}
	q.Disposition, err = ParseDisposition(k.Disposition)
	return q, err
}

// Lines writes the verdict on each signal, a JSON object a line; without
// signals, on all of them. A word that is none is an error before anything is written.
func (k Ask) Lines(w io.Writer, words []string) error {
	q, err := k.Question()
	if err != nil {
		return err
	}
	list, err := parseAll(words)
	if err != nil {
		return err
	}
	var out []byte
	for _, q.Signal = range list {
		out = append(appendVerdict(out, q), '\n')
	}
	if _, err = w.Write(out); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

// appendVerdict appends the verdict on one question as a JSON object.
func appendVerdict(dst []byte, q Question) []byte {
	var a fastjson.Arena
	o := a.NewObject()
	o.Set("signal", a.NewNumberInt(q.Signal))
	o.Set("name", a.NewString(Name(q.Signal)))
	return Verdict(q).json(&a, o).MarshalTo(dst)
}

func parseAll(words []string) ([]int, error) {
	if len(words) == 0 {
		return all(), nil
	}
	list := make([]int, len(words))
	for i, word := range words {
		var err error
		if list[i], err = Parse(word); err != nil {
			return nil, err
		}
		if list[i] == 0 {
			return nil, fmt.Errorf("signal %q: sends nothing, it only checks that the process exists", word)
		}
	}
	return list, nil
}

func all() []int {
	list := make([]int, Last)
	for i := range list {
		list[i] = i + 1
	}
	return list
}
