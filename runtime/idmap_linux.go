package runtime

import (
	"fmt"
	goruntime "runtime"
	"strconv"
	"syscall"

	"minirun/bundles"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mappingOf is a user namespace with the mappings of mounts[i]: those of its
// own, or the container's.
func (b *birth) mappingOf(i int) (int, error) {
	s := b.bundle.Spec
	m := s.Mounts[i]
	if len(m.UIDMappings) > 0 {
		return b.newMapping(m.UIDMappings, m.GIDMappings)
	}
	if ns := bundles.Namespace(s.Linux, specs.UserNamespace); ns.Path != "" {
		fd, err := openAt(unix.AT_FDCWD, ns.Path, unix.O_RDONLY, 0)
		if err != nil {
			return -1, fmt.Errorf("open %s: %w", ns.Path, err)
		}
		return fd, nil
	}
	return b.newMapping(s.Linux.UIDMappings, s.Linux.GIDMappings)
}

// newMapping makes a user namespace that nobody is in. Only a process can make
// one; it ends before this returns.
func (b *birth) newMapping(uids, gids []specs.LinuxIDMapping) (int, error) {
	plan, err := nsinit.CompileHolder(goruntime.GOARCH)
	if err != nil {
		return -1, err
	}
	image, err := nsinit.Assemble(plan)
	if err != nil {
		return -1, err
	}
	exe, err := image.Memfd("minirun-holder", b.dir.path)
	if err != nil {
		return -1, err
	}
	defer unix.Close(exe)
	var alive [2]int
	if err := unix.Pipe2(alive[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("pipe: %w", err)
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(exe), []string{"minirun:holder"}, &syscall.ProcAttr{
		Files: []uintptr{uintptr(alive[0])},
		Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER,
			UidMappings: idMaps(uids), GidMappings: idMaps(gids), GidMappingsEnableSetgroups: true},
	})
	unix.Close(alive[0])
	if err != nil {
		unix.Close(alive[1])
		return -1, fmt.Errorf("make a user namespace: %w", err)
	}
	fd, err := openAt(unix.AT_FDCWD, procPath(pid)+"/ns/user", unix.O_RDONLY, 0)
	unix.Close(alive[1])
	if _, wait := reap(pid); err == nil {
		err = wait
	}
	if err != nil {
		return -1, fmt.Errorf("open the user namespace: %w", err)
	}
	return fd, nil
}

func idMaps(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	maps := make([]syscall.SysProcIDMap, len(list))
	for i, m := range list {
		maps[i] = syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)}
	}
	return maps
}
