package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// jobWait is how long systemd may take for a unit. It takes milliseconds, and
// much longer where hundreds of units begin at once.
const jobWait = 30 * time.Second

var errNoSystemd = errors.New("--systemd-cgroup: systemd is not running")

// A manager is a connection to the system's systemd, or to a user's.
type manager struct{ *bus }

// openManager connects to the first of the sockets that is there.
func openManager(sockets []busAddress, deadline time.Time) (*manager, error) {
	var first error
	for _, a := range sockets {
		b, err := dialBus(a, deadline)
		if err == nil {
			return &manager{b}, nil
		}
		if first == nil || errors.Is(first, unix.ENOENT) {
			first = err
		}
	}
	if first == nil || errors.Is(first, unix.ENOENT) {
		return nil, errNoSystemd
	}
	return nil, fmt.Errorf("--systemd-cgroup: %w", first)
}

func (m *manager) method(name string, args ...any) ([]any, error) {
	return m.call(busMessage{path: managerPath, iface: managerInterface, member: name, destination: m.name(), body: args})
}

// name is systemd's on a message bus. On its own socket there is nobody else.
func (m *manager) name() string {
	if m.direct {
		return ""
	}
	return "org.freedesktop.systemd1"
}

// property returns a property of the manager itself.
func (m *manager) property(name string) (string, error) {
	body, err := m.call(busMessage{path: managerPath, iface: "org.freedesktop.DBus.Properties", member: "Get",
		destination: m.name(), body: []any{managerInterface, name}})
	if err != nil {
		return "", fmt.Errorf("get property %s of systemd: %w", name, err)
	}
	if len(body) == 1 {
		if v, ok := body[0].(variant); ok {
			if text, ok := v.value.(string); ok {
				return text, nil
			}
		}
	}
	return "", fmt.Errorf("get property %s of systemd: got %v", name, body)
}

// job calls a method that returns a job, and waits for its end.
func (m *manager) job(method, unit string, args ...any) error {
	body, err := m.method(method, append([]any{unit}, args...)...)
	if err != nil {
		return err
	}
	var job objectPath
	if len(body) == 1 {
		job, _ = body[0].(objectPath)
	}
	if job == "" {
		return fmt.Errorf("got %v for a job", body)
	}
	end, err := m.awaitSignal(func(s *busMessage) bool {
		return s.member == "JobRemoved" && s.iface == managerInterface && len(s.body) == 4 && s.body[1] == job
	})
	if err != nil {
		return fmt.Errorf("wait for job: %w", err)
	}
	if result := end.body[3]; result != "done" {
		return fmt.Errorf("the job ended with %q", result)
	}
	return nil
}

// start starts a transient unit. One of the name that is there already may be
// the remains of a container: it is stopped, if nobody is in it.
func (m *manager) start(unit string, props []property, inUse func() error) error {
	none := array{element: "(sa(sv))"}
	err := m.job("StartTransientUnit", unit, "fail", properties(props), none)
	if !isBusError(err, "org.freedesktop.systemd1.UnitExists") {
		return err
	}
	if err := inUse(); err != nil {
		return err
	}
	if err := m.stop(unit); err != nil {
		return err
	}
	return m.job("StartTransientUnit", unit, "fail", properties(props), none)
}

// stop stops a unit and lets systemd forget it, also if it failed. One that is
// not there is no error.
func (m *manager) stop(unit string) error {
	const noUnit = "org.freedesktop.systemd1.NoSuchUnit"
	if err := m.job("StopUnit", unit, "replace"); err != nil && !isBusError(err, noUnit) {
		return err
	}
	if _, err := m.method("ResetFailedUnit", unit); err != nil && !isBusError(err, noUnit) {
		return err
	}
	return nil
}

func isBusError(err error, name string) bool {
	var e *busError
	return errors.As(err, &e) && e.name == name
}

// open connects to the manager of the unit.
func (u *Unit) open() (*manager, error) {
	sockets := u.sockets
	if sockets == nil {
		sockets = busAddresses(u.User, os.Getenv)
	}
	return openManager(sockets, time.Now().Add(jobWait))
}

func (u *Unit) failed(verb string, err error) error {
	if errors.Is(err, errNoSystemd) {
		return err
	}
	return fmt.Errorf("systemd: %s %s: %w", verb, u.Name, err)
}

// stop ends the unit.
func (u *Unit) stop() error {
	m, err := u.open()
	if err != nil {
		return u.failed("stop", err)
	}
	defer m.close()
	if err := m.stop(u.Name); err != nil {
		return u.failed("stop", err)
	}
	return nil
}

// systemdRuns is sd_booted(3).
func systemdRuns() bool {
	var st unix.Stat_t
	return unix.Lstat("/run/systemd/system", &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// Scope returns the group of a transient scope of systemd's, for which
// linux.cgroupsPath has the form "slice:prefix:name"; empty is
// "system.slice:minirun:<id>". With user, it is one of the caller's own user
// manager. Annotations named org.systemd.property.NAME are properties of the
// scope. Nothing is made yet.
func (h *Host) Scope(cgroupsPath, id string, annotations map[string]string, user bool) (*Group, error) {
	if !systemdRuns() {
		return nil, errNoSystemd
	}
	return h.scope(&Unit{User: user}, cgroupsPath, id, annotations)
}

func (h *Host) scope(u *Unit, cgroupsPath, id string, annotations map[string]string) (*Group, error) {
	place, err := parseUnit(cgroupsPath, id, u.User)
	if err != nil {
		return nil, err
	}
	u.Name = place.name
	u.slice, u.id = place.slice, id
	if u.wanted, err = annotated(annotations); err != nil {
		return nil, err
	}
	root := ""
	if u.User { // a user manager's slices are below its own group
		if root, err = u.managerGroup(); err != nil {
			return nil, err
		}
	}
	g, err := h.Group(path.Join("/", root, place.path()), id)
	if err != nil {
		return nil, err
	}
	g.unit = u
	return g, nil
}

func (u *Unit) managerGroup() (string, error) {
	m, err := u.open()
	if err != nil {
		return "", err
	}
	defer m.close()
	return m.property("ControlGroup")
}
