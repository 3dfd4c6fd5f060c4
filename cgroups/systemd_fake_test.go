package cgroups

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// A fakeSystemd is what a manager seems to be from a socket: methods are
// answered and noted, jobs end at once.
type fakeSystemd struct {
	mu      sync.Mutex
	calls   []string
	props   map[string]any         // of the last unit started
	refuse  map[string]*dbus.Error // the answer to the next call of a method
	result  string                 // of jobs
	eager   bool                   // the end of a job is told before the job itself
	onStart func(props map[string]any) error
	jobs    int
}

// An answer is what a method returns, and the job that ends because of it.
type answer struct {
	body []any
	err  *dbus.Error
	job  dbus.ObjectPath
	unit string
}

func (f *fakeSystemd) method(member string, body []any) (a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintln(append([]any{member}, body[:min(len(body), 2)]...)...)))
	if err := f.refuse[member]; err != nil {
		delete(f.refuse, member)
		return answer{err: err}
	}
	switch member {
	case "Get":
		return answer{body: []any{dbus.MakeVariant(map[string]string{"Version": "v257.7-1", "ControlGroup": "/user.slice/x.service"}[body[1].(string)])}}
	case "StartTransientUnit", "SetUnitProperties":
		f.props = map[string]any{}
		for _, p := range body[2].([][]any) {
			f.props[p[0].(string)] = p[1].(dbus.Variant).Value()
		}
		if f.onStart != nil && member == "StartTransientUnit" {
			if err := f.onStart(f.props); err != nil {
				return answer{err: dbus.MakeFailedError(err)}
			}
		}
	}
	if member == "SetUnitProperties" || member == "ResetFailedUnit" {
		return answer{}
	}
	f.jobs++
	a.job, a.unit = dbus.ObjectPath(fmt.Sprintf("%s/job/%d", managerPath, f.jobs)), body[0].(string)
	a.body = []any{a.job}
	return a
}

func (f *fakeSystemd) called() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.calls, ", ")
	f.calls = nil
	return all
}

// signals are those of a job's end, after one that is nobody's concern.
func (f *fakeSystemd) signals(a answer) [][]any {
	if a.job == "" {
		return nil
	}
	return [][]any{
		{uint32(1000), dbus.ObjectPath(managerPath + "/job/1000"), "other.service", "failed"},
		{uint32(f.jobs), a.job, a.unit, f.result},
	}
}

// direct serves systemd's own socket, and returns it.
func (f *fakeSystemd) direct(t *testing.T) busAddress {
	socket := t.TempDir() + "/private"
	l, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	return busAddress{socket, true}
}

func (f *fakeSystemd) serve(c net.Conn) {
	defer c.Close()
	if !greeted(c) {
		return
	}
	for {
		m, err := dbus.DecodeMessage(c)
		if err != nil {
			return
		}
		a := f.method(m.Headers[dbus.FieldMember].Value().(string), m.Body)
		var out [2]bytes.Buffer // the reply, and signals
		reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(m.Serial())}, Body: a.body}
		if a.err != nil {
			reply.Type, reply.Body = dbus.TypeError, a.err.Body
			reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant(a.err.Name)
		}
		send(&out[0], reply)
		for _, body := range f.signals(a) {
			send(&out[1], &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(managerPath)), dbus.FieldInterface: dbus.MakeVariant(managerInterface), dbus.FieldMember: dbus.MakeVariant("JobRemoved"),
			}, Body: body})
		}
		first, then := out[0].Bytes(), out[1].Bytes()
		if f.eager {
			first, then = then, first
		}
		c.Write(append(first, then...))
	}
}

func send(w io.Writer, m *dbus.Message) {
	if len(m.Body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(m.Body...))
	}
	if err := m.EncodeTo(w, binary.LittleEndian); err != nil {
		panic(err)
	}
}

// greeted is the server's side of the authentication, to the letter of what
// sd-bus sends.
func greeted(c net.Conn) bool {
	want := "\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		return false
	}
	_, err := c.Write([]byte("DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n"))
	return err == nil
}

// The methods that godbus exports for bus.
type fakeObject struct {
	f *fakeSystemd
	c *dbus.Conn
}

func (o fakeObject) answer(member string, body ...any) ([]any, *dbus.Error) {
	a := o.f.method(member, body)
	for _, s := range o.f.signals(a) {
		o.c.Emit(managerPath, managerInterface+".JobRemoved", s...)
	}
	return a.body, a.err
}

func (o fakeObject) job(member string, body ...any) (dbus.ObjectPath, *dbus.Error) {
	b, err := o.answer(member, body...)
	if err != nil {
		return "/", err
	}
	return b[0].(dbus.ObjectPath), nil
}

type auxiliary struct {
	Name  string
	Props []peerProperty
}

func (o fakeObject) StartTransientUnit(unit, mode string, props []peerProperty, _ []auxiliary) (dbus.ObjectPath, *dbus.Error) {
	return o.job("StartTransientUnit", unit, mode, generic(props))
}

func (o fakeObject) StopUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	return o.job("StopUnit", unit, mode)
}

func (o fakeObject) ResetFailedUnit(unit string) *dbus.Error {
	_, err := o.answer("ResetFailedUnit", unit)
	return err
}

func (o fakeObject) SetUnitProperties(unit string, runtime bool, props []peerProperty) *dbus.Error {
	_, err := o.answer("SetUnitProperties", unit, runtime, generic(props))
	return err
}

func (o fakeObject) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	b, err := o.answer("Get", iface, name)
	return b[0].(dbus.Variant), err
}

func generic(props []peerProperty) [][]any {
	var all [][]any
	for _, p := range props {
		all = append(all, []any{p.Name, p.Value})
	}
	return all
}

// bus serves the fake on a real message bus, and returns the bus's socket.
func (f *fakeSystemd) bus(t *testing.T) busAddress {
	socket := t.TempDir() + "/bus"
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=unix:path="+socket, "--print-address")
	out, err := daemon.StdoutPipe()
	must(t, err)
	must(t, daemon.Start())
	t.Cleanup(func() { daemon.Process.Kill(); daemon.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil { // it listens now
		t.Fatal(err)
	}
	c, err := dbus.Connect("unix:path=" + socket)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	o := fakeObject{f, c}
	must(t, errors.Join(c.Export(o, managerPath, managerInterface), c.Export(o, managerPath, "org.freedesktop.DBus.Properties")))
	reply, err := c.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return busAddress{socket, false}
}

func TestUnitsThroughSocketAndBus(t *testing.T) {
	for name, serve := range map[string]func(*fakeSystemd, *testing.T) busAddress{"socket": (*fakeSystemd).direct, "bus": (*fakeSystemd).bus} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSystemd{result: "done", refuse: map[string]*dbus.Error{}}
			u := &Unit{Name: "x.scope", sockets: []busAddress{{"/nonexistent/socket", true}, serve(f, t)}}
			m, err := u.open()
			must(t, err)
			defer m.close()
			begin := func() error { return m.start("x.scope", []property{{"Slice", "a.slice"}}, func() error { return nil }) }

			must(t, begin())
			if f.props["Slice"] != "a.slice" {
				t.Errorf("properties %v", f.props)
			}
			if got := f.called(); got != "StartTransientUnit x.scope fail" {
				t.Errorf("called %s", got)
			}
			f.refuse["StartTransientUnit"] = &dbus.Error{Name: "org.freedesktop.systemd1.UnitExists", Body: []any{"Unit x.scope was already loaded."}}
			f.refuse["StopUnit"] = &dbus.Error{Name: "org.freedesktop.systemd1.NoSuchUnit", Body: []any{"Unit x.scope not loaded."}}
			must(t, begin())
			if got := f.called(); got != "StartTransientUnit x.scope fail, StopUnit x.scope replace, ResetFailedUnit x.scope, StartTransientUnit x.scope fail" {
				t.Errorf("called %s", got)
			}
			f.refuse["StartTransientUnit"] = &dbus.Error{Name: "org.freedesktop.DBus.Error.PropertyReadOnly", Body: []any{"Cannot set property Slice, or unknown property."}}
			if err := begin(); message(err) != "Cannot set property Slice, or unknown property." {
				t.Errorf("got %v", err)
			}
			f.result = "canceled"
			if err := begin(); message(err) != `the job ended with "canceled"` {
				t.Errorf("got %v", err)
			}
			if n := m.versionFor(resources(t, `{"cpu":{"idle":1}}`)); n != 257 {
				t.Errorf("version %d", n)
			}
			if group, err := u.managerGroup(); err != nil || group != "/user.slice/x.service" {
				t.Errorf("group of the manager: %q, %v", group, err)
			}
		})
	}
}

func TestJobThatEndsBeforeItIsKnown(t *testing.T) {
	f := &fakeSystemd{result: "done", eager: true}
	u := &Unit{Name: "x.scope", sockets: []busAddress{f.direct(t)}}
	must(t, u.stop())
}

// TestBrokenSystemd: whatever is at the other end, the verb comes to its end.
func TestBrokenSystemd(t *testing.T) {
	for name, tt := range map[string]struct {
		serve func(net.Conn)
		want  string
	}{
		"mute":            {func(c net.Conn) { io.Copy(io.Discard, c) }, unix.ETIMEDOUT.Error()},
		"hangs up":        {func(c net.Conn) {}, unix.ECONNRESET.Error()},
		"refuses":         {func(c net.Conn) { c.Write([]byte("REJECTED EXTERNAL\r\n")); io.Copy(io.Discard, c) }, `authentication: "REJECTED EXTERNAL": permission denied`},
		"no D-Bus":        {func(c net.Conn) { c.Write(bytes.Repeat([]byte("x"), 5000)); io.Copy(io.Discard, c) }, "a line without an end"},
		"garbage":         {func(c net.Conn) { greeted(c); c.Write([]byte("HTTP/1.1 200 OK, or so")); io.Copy(io.Discard, c) }, "not a message of D-Bus"},
		"half a message":  {func(c net.Conn) { greeted(c); io.ReadFull(c, make([]byte, 16)); c.Write([]byte{'l', 2, 0, 1, 9, 0}) }, unix.ECONNRESET.Error()},
		"a huge message":  {func(c net.Conn) { greeted(c); c.Write(bytes.Repeat([]byte{'l', 2, 0, 1}, 5)); io.Copy(io.Discard, c) }, "a message of"},
		"no end of a job": {func(c net.Conn) { (&fakeSystemd{}).mumble(c) }, "wait for job: " + unix.ETIMEDOUT.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket := t.TempDir() + "/s"
			l, err := net.Listen("unix", socket)
			must(t, err)
			t.Cleanup(func() { l.Close() })
			go func() {
				if c, err := l.Accept(); err == nil {
					defer c.Close()
					tt.serve(c)
				}
			}()
			deadline := soon()
			if strings.Contains(tt.want, unix.ETIMEDOUT.Error()) {
				deadline = time.Now().Add(2 * time.Second)
			}
			m, err := openManager([]busAddress{{socket, true}}, deadline)
			if err == nil {
				defer m.close()
				err = m.stop("x.scope")
			}
			if !strings.Contains(message(err), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestWhoHangsUpIsHeard: what it has said comes first, also before what we say.
func TestWhoHangsUpIsHeard(t *testing.T) {
	for _, words := range []string{"", "REJECTED EXTERNAL\r\n"} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		defer unix.Close(pair[0])
		_, err = unix.Write(pair[1], []byte(words))
		must(t, err)
		unix.Close(pair[1])
		want := unix.ECONNRESET.Error()
		if words != "" {
			want = `authentication: "REJECTED EXTERNAL": permission denied`
		}
		if err := (&bus{fd: pair[0], deadline: soon()}).greet(); message(err) != want {
			t.Errorf("%q: got %v, want %s", words, err, want)
		}
	}
}

// mumble answers with a job, of whose end nothing is heard.
func (f *fakeSystemd) mumble(c net.Conn) {
	if !greeted(c) {
		return
	}
	m, err := dbus.DecodeMessage(c)
	if err != nil {
		return
	}
	a := f.method(m.Headers[dbus.FieldMember].Value().(string), m.Body)
	send(c, &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(m.Serial())}, Body: a.body})
	io.Copy(io.Discard, c)
}
