package runtime

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"minirun/nsinit"
	"minirun/runtime/observe/session"
	"minirun/runtime/signals"

	"golang.org/x/sys/unix"
)

// What a verb does to be observed: it starts an observer when it is asked to,
// and tells the observers that there are what it does. All of it is nothing
// where there are none.

// ObserveAnnotation of config.json stands for --observe where an engine calls
// create or run. {id} in it is the container's, and a relative path counts
// from the bundle.
const ObserveAnnotation = "minirun.observe"

// startObserver starts an observer that writes FILE. It ends with the
// container or, of a verb that observes what it does itself, with the verb.
func (rt *Runtime) startObserver(file, id string, withVerb bool) (*session.Observer, error) {
	path, err := filepath.Abs(file)
	if err == nil && ownDescriptor(file) {
		err = errors.New("the observer has no descriptor of its caller's: name a file")
	}
	if err != nil {
		return nil, fmt.Errorf("--observe %s: %w", file, err)
	}
	until := "exit"
	if withVerb {
		until = "verb"
	}
	return session.Start([]string{"minirun", "--root", rt.Store.Root, "observe", "--channel", "--until", until, "-o", path, id})
}

// ownDescriptor reports whether a file is another to each process that opens it, or a dash.
func ownDescriptor(file string) bool {
	switch file {
	case "-", "/dev/stdin", "/dev/stdout", "/dev/stderr":
		return true
	}
	return strings.HasPrefix(file, "/dev/fd/") || strings.HasPrefix(file, "/proc/self/") || strings.HasPrefix(file, "/proc/thread-self/")
}

// observe starts the observer of a birth, once: the flag is known before
// anything is read, the annotation when config.json is.
func (b *birth) observe(file string) error {
	if file == "" || b.observer != nil {
		return nil
	}
	var err error
	if b.observer, err = b.rt.startObserver(file, b.opts.ID, false); err == nil {
		b.told = b.observer.Teller
	}
	return err
}

// observeAsAnnotated looks for the annotation, and whether there will be
// something to observe.
func (b *birth) observeAsAnnotated() error {
	file := reportFile(b.bundle.Spec.Annotations[ObserveAnnotation], b.opts.ID, b.bundle.Dir)
	if err := b.observe(file); err != nil || b.observer == nil || b.ownPidNS() {
		return err
	}
	return errNotObservable
}

// errNotObservable is for containers whose processes cannot be told from
// those of the host, or of another container.
var errNotObservable = errors.New("observe: the container has no PID namespace of its own, which is what is observed")

// watched tells the observer who the init is, as soon as there is one.
func (b *birth) watched() error {
	b.told.Say(fmt.Sprintf("%s: %d", cloneWords(b.plan), b.pid))
	return b.observer.Watch(session.Target{Dir: b.dir.path, Pid: b.pid, Cgroups: groupDirs(b.group.Paths())})
}

func cloneWords(p *nsinit.Plan) string {
	if p.Staged {
		return "the stage has cloned PID 1"
	}
	return "has cloned PID 1 with " + nsinit.FlagText(p.Clone)
}

// attached waits until nothing will be missed. The init waits meanwhile.
func (b *birth) attached() error {
	skipped, err := b.observer.Ready()
	for _, line := range skipped {
		b.rt.warn("observe: " + line)
	}
	return err
}

// unobserve is the end of the verb: an observer of a container that goes on
// goes on too.
func (b *birth) unobserve() {
	end := b.observer.Finish
	if b.lives {
		end = b.observer.Leave
	}
	if err := end(); err != nil {
		b.rt.warn(err.Error())
	}
}

// tellGroup says what is written into the cgroup.
func (b *birth) tellGroup() {
	if b.told.Heard() {
		b.group.Tell = func(path, value string) { b.told.Say("writes " + value + " to " + path) }
	}
}

func groupDirs(paths map[string]string) (dirs []string) {
	for _, dir := range paths {
		dirs = append(dirs, dir)
	}
	return dirs
}

// observed connects an init to those who observe its container.
func (rt *Runtime) observed(p *initProc, verb string) {
	p.verb, p.told = verb, session.Dial(rt.Store.dir(p.r.ID))
}

// announce tells of a signal to the init before it is sent, and what will come
// of it, for observers that cannot see that.
func (p *initProc) announce(sig unix.Signal) {
	if !p.told.Heard() {
		return
	}
	p.told.Signal(int(sig), p.r.Pid, p.verb+", by pidfd_send_signal")
	if task, err := signals.Read(procPath(p.r.Pid)); err == nil {
		p.told.Predict(p.r.Pid, task, task.Question(int(sig), signals.Kill, false))
	}
}

// observeVerb starts an observer for the time of a verb on a container that
// there is, and returns when it is attached.
func (rt *Runtime) observeVerb(o *session.Observer, p *initProc) error {
	if o == nil {
		return nil
	}
	if !p.seen.alive() {
		rt.warn("observe: the container has stopped already, and no file is written")
		return nil
	}
	if !p.r.OwnPidNS {
		return errNotObservable
	}
	err := o.Watch(session.Target{Dir: rt.Store.dir(p.r.ID), Pid: p.r.Pid, Cgroups: groupDirs(p.r.Cgroups), Running: true, PidNS: p.r.PidNS})
	if err != nil {
		return err
	}
	skipped, err := o.Ready()
	for _, line := range skipped {
		rt.warn("observe: " + line)
	}
	return err
}

// finished ends an observer of a verb; what went wrong does not undo the verb.
func (rt *Runtime) finished(o *session.Observer) {
	if err := o.Finish(); err != nil {
		rt.warn(err.Error())
	}
}

// say tells the observers of a container one thing.
func say(dir, text string) {
	told := session.Dial(dir)
	told.Say(text)
	told.Close()
}
