package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// With --systemd-cgroup a container's group is a transient scope: systemd makes
// it and its limits are the unit's properties, so that nothing that systemd
// does later, such as a daemon-reload, takes them back.
// https://systemd.io/CGROUP_DELEGATION/, org.freedesktop.systemd1(5).

const (
	managerPath      = "/org/freedesktop/systemd1"
	managerInterface = "org.freedesktop.systemd1.Manager"
)

// A Unit is the scope that a group belongs to.
type Unit struct {
	Name string // "minirun-web.scope"
	User bool   // of the caller's user manager, not of the system's

	slice, id string     // what it begins with
	wanted    []property // by annotations
	sockets   []busAddress
}

// A unitPlace is where linux.cgroupsPath wants a unit.
type unitPlace struct{ slice, name string }

// parseUnit reads linux.cgroupsPath in systemd's form, "slice:prefix:name";
// empty is "SLICE:minirun:ID", with the manager's own slice for containers.
// An empty slice means that one as well.
func parseUnit(cgroupsPath, id string, user bool) (unitPlace, error) {
	slice := "system.slice"
	if user {
		slice = "user.slice"
	}
	prefix, name := "minirun", id
	if cgroupsPath != "" {
		parts := strings.Split(cgroupsPath, ":")
		if len(parts) != 3 {
			return unitPlace{}, fmt.Errorf("cgroup: linux.cgroupsPath: %q is not of the form slice:prefix:name, which --systemd-cgroup needs", cgroupsPath)
		}
		if parts[0] != "" {
			slice = parts[0]
		}
		prefix, name = parts[1], parts[2]
	}
	u := unitPlace{slice, name + ".scope"}
	if prefix != "" {
		u.name = prefix + "-" + u.name
	}
	if strings.HasSuffix(name, ".slice") {
		return u, fmt.Errorf("cgroup: linux.cgroupsPath: %q asks for a slice, which cannot have processes", cgroupsPath)
	}
	if err := checkUnitName(u.name); err != nil || name == "" {
		return u, fmt.Errorf("cgroup: linux.cgroupsPath: unit name %q: %w", u.name, errors.Join(err, errEmpty(name)))
	}
	if _, err := expandSlice(u.slice); err != nil {
		return u, fmt.Errorf("cgroup: linux.cgroupsPath: %w", err)
	}
	return u, nil
}

func errEmpty(name string) error {
	if name == "" {
		return errors.New("has no name")
	}
	return nil
}

// checkUnitName: unit_name_is_valid, src/basic/unit-name.c of systemd.
func checkUnitName(name string) error {
	if len(name) > 255 {
		return errors.New("is longer than 255 bytes")
	}
	for i := range len(name) {
		c := name[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alphanumeric && !strings.ContainsRune(":-_.\\@", rune(c)) {
			return fmt.Errorf("has the character %q", c)
		}
	}
	return nil
}

// expandSlice returns the path of a slice in the hierarchy: the dashes of a
// name are its place, "a-b.slice" is /a.slice/a-b.slice, and "-.slice" the root.
func expandSlice(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	if err := checkUnitName(slice); err != nil || !ok || name == "" {
		return "", fmt.Errorf("%q is not the name of a slice", slice)
	}
	if name == "-" {
		return "/", nil
	}
	place := ""
	for i := 0; ; i++ {
		dash := strings.IndexByte(name[i:], '-')
		if dash == 0 || i == len(name) {
			return "", fmt.Errorf("%q is not the name of a slice", slice)
		}
		if dash < 0 {
			return place + "/" + slice, nil
		}
		i += dash
		place += "/" + name[:i] + ".slice"
	}
}

// path returns the group of the unit, below the root of the manager.
func (u unitPlace) path() string {
	slice, _ := expandSlice(u.slice) // checked by parseUnit
	return path.Join(slice, u.name)
}

// A busAddress is a socket on which systemd may be found.
type busAddress struct {
	socket string
	direct bool // systemd's own
}

// busAddresses are the sockets to try in turn. systemd's own comes first: it
// saves a process on the way and the bus's ceremonies, and is there before and
// after the bus is; systemctl does the same.
func busAddresses(user bool, getenv func(string) string) []busAddress {
	if !user {
		return []busAddress{{"/run/systemd/private", true}, {"/run/dbus/system_bus_socket", false}}
	}
	var all []busAddress
	runtime := getenv("XDG_RUNTIME_DIR")
	if runtime != "" {
		all = append(all, busAddress{runtime + "/systemd/private", true})
	}
	if socket := unixSocket(getenv("DBUS_SESSION_BUS_ADDRESS")); socket != "" {
		all = append(all, busAddress{socket, false})
	}
	if runtime != "" {
		all = append(all, busAddress{runtime + "/bus", false})
	}
	return all
}

// unixSocket returns the first socket in an address of D-Bus, as connect(2)
// takes it, an abstract one with "@" before it.
func unixSocket(address string) string {
	for one := range strings.SplitSeq(address, ";") {
		options, ok := strings.CutPrefix(one, "unix:")
		if !ok {
			continue
		}
		for option := range strings.SplitSeq(options, ",") {
			switch key, value, _ := strings.Cut(option, "="); key {
			case "path":
				return unescapeAddress(value)
			case "abstract":
				return "@" + unescapeAddress(value)
			}
		}
	}
	return ""
}

// unescapeAddress: %XX stands for a byte.
func unescapeAddress(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			var c byte
			if _, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
