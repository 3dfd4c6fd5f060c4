package runtime

import (
	"strconv"
	"time"
)

// An Elapsed is how long ago something was, as far as that can be known.
type Elapsed struct {
	Time  time.Duration
	Bound Bound
}

// A Bound says how a time is to be read.
type Bound byte

const (
	Undated Bound = iota // nothing is known, and Time is 0
	Exactly              // to a hundredth of it, or 10 ms if that is more
	AtLeast
	AtMost
)

var boundWords = [...]string{Undated: "unknown", Exactly: "exactly", AtLeast: "at least", AtMost: "at most"}

func (b Bound) String() string { return boundWords[b] }

// String is "for 3.2s", "for at least 3.2s", "for at most 3.3s" or "": in
// tenths of a second below ten seconds, in seconds above, and whole ones that
// have passed, but for a most.
func (e Elapsed) String() string {
	unit := time.Second
	if e.Time < 10*time.Second {
		unit /= 10
	}
	switch e.Bound {
	case Exactly:
		return "for " + e.Time.Truncate(unit).String()
	case AtLeast:
		return "for at least " + e.Time.Truncate(unit).String()
	case AtMost:
		return "for at most " + (e.Time + unit - 1).Truncate(unit).String()
	}
	return ""
}

// within is the same of something that is no older than age.
func (e Elapsed) within(age time.Duration) Elapsed {
	if e.Bound == Undated {
		return Elapsed{age, AtMost}
	}
	return Elapsed{min(e.Time, age), e.Bound}
}

func (e Elapsed) append(w *jsonWriter) {
	w.open('{')
	w.key("seconds")
	w.buf = strconv.AppendFloat(w.buf, e.Time.Seconds(), 'f', 3, 64)
	w.strField("bound", e.Bound.String())
	w.close('}')
}
