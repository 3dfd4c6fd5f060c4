package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"minirun/cgroups"
	"minirun/runtime/signals"
)

// A Reason is why a container's init has ended.
type Reason string

// The reasons. Whose SIGKILL it was, is what a wait status does not tell.
const (
	Exited   Reason = "exited"   // by itself
	Asked    Reason = "asked"    // after the signal of stop, by itself or by that signal
	Stop     Reason = "stop"     // by the SIGKILL of stop, after the grace or without one
	OOM      Reason = "oom"      // by the SIGKILL of the OOM killer
	Killed   Reason = "killed"   // by a SIGKILL of somebody else: kill, delete --force, an engine, an administrator
	Signaled Reason = "signaled" // by another signal
	Unknown  Reason = "unknown"  // nobody who could tell looked before it was reaped
)

// An ExitRecord is how a container's init has ended. It is made by whoever
// learns it first: run in the foreground, stop, wait or delete, and before
// the cgroup with its counters is removed.
type ExitRecord struct {
	ID      string
	Pid     int    // of the init; with StartTime and BootID it says of which container of that id
	Start   uint64 // clock ticks since boot
	BootID  string
	Status  unix.WaitStatus // meaningless when Reason is Unknown
	Reason  Reason
	Stopped Intent // what stop did, if it did anything
	Created time.Time
	Started time.Time // when its program was let go; zero when it never was, or nobody could note it
	// Ended is when the init was seen to end. Watched tells that somebody
	// waited for it; else it may have ended at any time before.
	Ended     time.Time
	EndedBoot time.Duration // the same by CLOCK_BOOTTIME
	Watched   bool

	Pids   *cgroups.PidsStat     // nil: there is no such controller, or no cgroup any more
	Memory *cgroups.MemoryEvents // nil: likewise
}

// An Intent is what stop has done to a container so far. It is noted before
// it is done, so that whoever reaps the container knows whose doing it was.
type Intent struct {
	Signal   int    // the stop signal, sent; 0: none
	Killed   bool   // SIGKILL, sent
	OOMKills uint64 // what the OOM killer had done in the cgroup by then
}

// Known tells that there is a status.
func (e *ExitRecord) Known() bool { return e.Reason != Unknown }

// Code is the exit as shells and engines give it: 128+n for signal n.
func (e *ExitRecord) Code() int { return exitCode(e.Status) }

// OOM tells that the OOM killer has ended the init.
func (e *ExitRecord) OOM() bool { return e.Reason == OOM }

// of tells whether the record is about the container of r.
func (e *ExitRecord) of(r *Record) bool {
	return e.Pid == r.Pid && e.Start == r.StartTime && e.BootID == r.BootID
}

// reasonOf judges. A SIGKILL is the OOM killer's if that has killed since
// stop's own was sent, or at all when stop sent none: it kills nobody without
// counting it (mm/oom_kill.c, __oom_kill_process), though it may have been another.
func reasonOf(s unix.WaitStatus, stopped Intent, oomKills uint64) Reason {
	switch {
	case s.Signaled() && s.Signal() == unix.SIGKILL:
		switch {
		case oomKills > stopped.OOMKills:
			return OOM
		case stopped.Killed:
			return Stop
		}
		return Killed
	case s.Signaled() && int(s.Signal()) != stopped.Signal:
		return Signaled
	case stopped.Signal != 0:
		return Asked
	}
	return Exited
}

// Words say why the code is what it is.
func (e *ExitRecord) Words() string {
	if !e.Known() {
		return "not known: nobody who could tell was there when it was reaped"
	}
	return strconv.Itoa(e.Code()) + ": " + e.words()
}

func (e *ExitRecord) words() string {
	sig := signals.Name(e.Stopped.Signal)
	switch e.Reason {
	case OOM:
		return "the kernel killed it for want of memory"
	case Stop:
		return "ended by stop's SIGKILL"
	case Killed:
		return "ended by a SIGKILL that was not stop's"
	case Asked:
		if e.Status.Signaled() {
			return "ended by stop's " + sig
		}
		return "it took stop's " + sig + " and exited by itself"
	case Signaled:
		return statusText(e.Status)
	}
	if n := e.Code() - 128; n > 0 && n <= signals.Last {
		return "it exited so by itself, as a shell does whose child was killed by " + signals.Name(n)
	}
	return "it exited so by itself"
}

// JSON is the record as it is kept and as wait and stop print it; indented
// unless it is for one line.
func (e *ExitRecord) JSON(indent string) []byte {
	w := jsonWriter{indent: indent, buf: make([]byte, 0, 512)}
	e.append(&w)
	return append(w.buf, '\n')
}

func (e *ExitRecord) append(w *jsonWriter) {
	w.open('{')
	w.strField("id", e.ID)
	w.boolField("known", e.Known())
	if e.Known() {
		w.intField("code", e.Code())
		if e.Status.Signaled() {
			w.intField("signal", int(e.Status.Signal()))
			w.strField("signalName", signals.Name(int(e.Status.Signal())))
		}
		w.boolField("core", e.Status.CoreDump())
		w.intField("status", int(e.Status))
	}
	w.boolField("oom", e.OOM())
	w.strField("reason", string(e.Reason))
	w.strField("words", e.Words())
	w.strField("created", timeText(e.Created))
	if !e.Started.IsZero() {
		w.strField("started", timeText(e.Started))
	}
	w.strField("ended", timeText(e.Ended))
	w.uintField("endedSinceBootNs", uint64(e.EndedBoot))
	w.boolField("watched", e.Watched)
	e.appendStopped(w)
	e.appendCounters(w)
	w.intField("pid", e.Pid)
	w.uintField("startTime", e.Start)
	w.strField("bootId", e.BootID)
	w.close('}')
}

func (e *ExitRecord) appendStopped(w *jsonWriter) {
	if e.Stopped == (Intent{}) {
		return
	}
	w.key("stop")
	e.Stopped.append(w)
}

// appendCounters writes a limit or a peak that there is not as null.
func (e *ExitRecord) appendCounters(w *jsonWriter) {
	if p := e.Pids; p != nil {
		w.key("pids")
		w.open('{')
		w.limitField("max", p.Max)
		w.limitField("peak", p.Peak)
		w.uintField("refused", p.Refused)
		w.close('}')
	}
	if m := e.Memory; m != nil {
		w.key("memory")
		w.open('{')
		w.uintField("oom", m.OOM)
		w.uintField("oomKill", m.OOMKill)
		w.close('}')
	}
}

func (w *jsonWriter) limitField(k string, n int64) {
	w.key(k)
	if n == cgroups.NoLimit {
		w.buf = append(w.buf, "null"...)
		return
	}
	w.int(n)
}

func (i Intent) append(w *jsonWriter) {
	w.open('{')
	w.intField("signal", i.Signal)
	w.boolField("killed", i.Killed)
	w.uintField("oomKills", i.OOMKills)
	w.close('}')
}

// DecodeExit reads what ExitRecord.JSON wrote.
func DecodeExit(text []byte) (*ExitRecord, error) {
	f, err := decodeFields(text)
	if err != nil {
		return nil, err
	}
	pids, memory, stopped := f.sub("pids"), f.sub("memory"), f.sub("stop")
	e := &ExitRecord{
		ID: f.str("id"), Pid: f.int("pid"), Start: f.uint("startTime"), BootID: f.str("bootId"),
		Status: unix.WaitStatus(f.uint("status")), Reason: Reason(f.str("reason")),
		Created: f.time("created"), Started: f.time("started"), Ended: f.time("ended"), EndedBoot: time.Duration(f.uint("endedSinceBootNs")), Watched: f.bool("watched"),
		Stopped: stopped.intent(),
	}
	if pids.v != nil {
		e.Pids = &cgroups.PidsStat{Max: pids.limit("max"), Peak: pids.limit("peak"), Refused: pids.uint("refused")}
	}
	if memory.v != nil {
		e.Memory = &cgroups.MemoryEvents{OOM: memory.uint("oom"), OOMKill: memory.uint("oomKill")}
	}
	return e, errors.Join(f.err, pids.err, memory.err, stopped.err)
}

func decodeIntent(text []byte) (Intent, error) {
	f, err := decodeFields(text)
	if err != nil {
		return Intent{}, err
	}
	return f.intent(), f.err
}

func decodeFields(text []byte) (*fields, error) {
	v, err := fastjson.ParseBytes(text)
	if err != nil {
		return nil, err
	}
	if v.Type() != fastjson.TypeObject {
		return nil, fmt.Errorf("want an object, got %s", v.Type())
	}
	return &fields{v: v}, nil
}

// sub is a member that is an object, or one without members.
func (f *fields) sub(key string) *fields {
	v := f.get(key)
	if v != nil && v.Type() != fastjson.TypeObject {
		f.fail(key, fmt.Errorf("want an object, got %s", v.Type()))
		v = nil
	}
	return &fields{v: v}
}

func (f *fields) intent() Intent {
	return Intent{Signal: f.int("signal"), Killed: f.bool("killed"), OOMKills: f.uint("oomKills")}
}

// limit reads what limitField wrote.
func (f *fields) limit(key string) int64 {
	v := f.get(key)
	if v == nil {
		return cgroups.NoLimit
	}
	n, err := v.Int64()
	f.fail(key, err)
	return n
}
