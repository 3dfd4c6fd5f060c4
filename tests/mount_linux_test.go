package tests

import (
	"strings"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// mount mounts a file system for the time of the test; flags are names such
// as nosuid.
func mount(r *rig.Rig, dir, fstype, flags string) {
	r.Helper()
	var bits uintptr
	for _, f := range strings.Split(flags, ",") {
		bits |= map[string]uintptr{"nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "ro": unix.MS_RDONLY}[f]
	}
	if err := unix.Mount(fstype, dir, fstype, bits, ""); err != nil {
		r.Fatalf("mount %s on %s: %v", fstype, dir, err)
	}
	r.Cleanup(func() { unmount(dir) })
}

// unmount detaches what is mounted on a directory.
func unmount(dir string) { unix.Unmount(dir, unix.MNT_DETACH) }
