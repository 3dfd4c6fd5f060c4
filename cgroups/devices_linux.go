package cgroups

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// setDevices puts the device rules in force: by the version 1 controller
// where it is mounted, otherwise by a BPF program on the unified tree.
func (g *Group) setDevices(rules []specs.LinuxDeviceCgroup) error {
	list, err := devicesOf(rules)
	if err != nil {
		return err
	}
	dir, set := g.v1("devices"), setDevicesV1
	if dir == "" {
		dir, set = g.unified(), setDevicesV2
	}
	if dir == "" {
		return refused("devices", "the devices controller is not mounted")
	}
	if err := set(dir, list); err != nil && !(errors.Is(err, unix.EPERM) && inUserNamespace()) {
		return fmt.Errorf("cgroup: linux.resources.devices: %w", err)
	}
	return nil
}

// setDevicesV1 opens each of the two files once, for a dozen writes.
func setDevicesV1(dir string, list *deviceList) error {
	fds := map[string]int{}
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, w := range list.writes() {
		fd, ok := fds[w.file]
		if !ok {
			var err error
			if fd, err = open(dir+"/"+w.file, unix.O_WRONLY); err != nil {
				return fmt.Errorf("open %s/%s: %w", dir, w.file, err)
			}
			fds[w.file] = fd
		}
		if err := write1(fd, w.value); err != nil {
			return fmt.Errorf("write %q to %s/%s: %w", w.value, dir, w.file, err)
		}
	}
	return nil
}

func setDevicesV2(dir string, list *deviceList) error {
	if list.allow && len(list.exceptions) == 0 {
		return nil
	}
	group, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(group)
	program, err := loadProgram(list.program())
	if err != nil {
		return fmt.Errorf("load the BPF program for %s: %w", dir, err)
	}
	defer unix.Close(program) // the group holds it from now on
	if err := attachProgram(group, program); err != nil {
		return fmt.Errorf("attach the BPF program to %s: %w", dir, err)
	}
	return nil
}

// inUserNamespace reports whether the caller is in another user namespace than
// the initial one. There device rules are not possible, and as mknod(2) is not
// either, not needed.
func inUserNamespace() bool {
	uidMap, err := readFile("/proc/self", "uid_map")
	return err == nil && !initialUserNamespace(uidMap)
}
