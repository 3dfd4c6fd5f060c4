package lab

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// A subject is a PID 1 that signals are sent to.
type subject struct {
	name  string
	setup func() setup
	// after is its fate when it takes TERM; empty: whatever it does.
	after string
}

// kill1 plays the matrix on the workloads and on what the host has, or on the
// command of the user alone.
func kill1(b *Bench) {
	if len(b.Command) > 0 {
		b.matrix(subject{name: b.Command[0], setup: func() setup { return userland(b.Command...) }})
		return
	}
	for _, s := range []subject{
		{"no handler", func() setup { return setup{init: sleeper()} }, ""},
		{"a handler of TERM", func() setup { return setup{init: handler(unix.SIGTERM)} }, exited(fromHandler)},
		{"sigtimedwait of TERM", func() setup { return setup{init: waiter(unix.SIGTERM)} }, exited(fromWait)},
	} {
		b.matrix(s)
	}
	for _, p := range hostPrograms() {
		b.matrix(subject{name: p.name, setup: func() setup { return userland(p.args...) }, after: p.after})
	}
}

// userland is a setup of a command of the host's.
func userland(args ...string) setup { return setup{args: args, userland: true} }

// matrix sends TERM and KILL from inside and from the host. A container that
// lives on is used again.
func (b *Bench) matrix(s subject) {
	var x *box
	for _, cell := range []struct {
		sig    unix.Signal
		inside bool
	}{{unix.SIGTERM, true}, {unix.SIGKILL, true}, {unix.SIGTERM, false}, {unix.SIGKILL, false}} {
		if x == nil || x.how != "" {
			x = b.subject(s)
		}
		b.cell(x, s, cell.sig, cell.inside)
	}
}

func (b *Bench) subject(s subject) *box {
	setup := s.setup()
	setup.others = []*program{sender(1, unix.SIGTERM), sender(1, unix.SIGKILL)}
	x := b.box(setup)
	if setup.init != nil {
		x.note("ready")
		x.asleep()
	} else {
		x.settled()
	}
	return x
}

// cell sends one signal and compares PID 1's fate with the rule's.
func (b *Bench) cell(x *box, s subject, sig unix.Signal, inside bool) {
	task := x.task()
	want, why := predict(task, int(sig), inside)
	limit, from := settle, "the host"
	if want == "" {
		want, limit = s.after, time.Second
	}
	if want != lives && want != "" {
		limit = patience
	}
	if inside {
		from = "inside"
		other := 0
		if sig == unix.SIGKILL {
			other = 1
		}
		_, r := x.exec(other)
		// A PID 1 that ends takes the sender with it, maybe before it could say what kill returned.
		v, err := r.find("kill", patience)
		if want == lives {
			b.must(err)
			b.row(fmt.Sprintf("%s: kill(1, %s) from inside returns", s.name, signals.Name(int(sig))), 0, v)
		}
	} else {
		x.kill(int(sig))
	}
	b.row(fmt.Sprintf("%s: %s from %s (SigCgt %016x)", s.name, signals.Name(int(sig)), from, uint64(task.Caught)),
		want, x.fate(limit), why)
}
