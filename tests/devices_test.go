package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func TestDefaultDevices(t *testing.T) {
	got := inside(t, rig.Sh(`for d in null zero full random urandom tty; do stat -c '%n %t:%T %a %u:%g %F' /dev/$d; done
		for l in ptmx fd stdin stdout stderr; do echo $l $(readlink /dev/$l); done
		echo x > /dev/null && head -c 3 /dev/zero | xxd -p; ls -d /dev/pts /dev/shm /dev/mqueue`))
	for _, want := range []string{
		"/dev/null 1:3 666 0:0 character special file", "/dev/zero 1:5 666", "/dev/full 1:7 666", "/dev/random 1:8 666",
		"/dev/urandom 1:9 666", "/dev/tty 5:0 666", "ptmx pts/ptmx", "fd /proc/self/fd", "stdin /proc/self/fd/0",
		"stdout /proc/self/fd/1", "stderr /proc/self/fd/2", "000000",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestLinuxDevices(t *testing.T) {
	device := func(path, typ string, major, minor int64, mode os.FileMode, uid, gid uint32) specs.LinuxDevice {
		return specs.LinuxDevice{Path: path, Type: typ, Major: major, Minor: minor, FileMode: &mode, UID: &uid, GID: &gid}
	}
	got := inside(t, rig.Sh(`stat -c '%n %t:%T %a %u:%g %F' /dev/fuse /dev/sub/disk /dev/pipe /srv/dev`), func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{
			device("/dev/fuse", "c", 10, 229, 0o666, 0, 0), device("/dev/sub/disk", "b", 7, 300, 0o640, 5, 6),
			device("/dev/pipe", "p", 0, 0, 0o600, 1000, 1000), device("/srv/dev", "u", 1, 3, 0o604, 0, 0),
		}
	})
	for _, want := range []string{
		"/dev/fuse a:e5 666 0:0 character special file", "/dev/sub/disk 7:12c 640 5:6 block special file", "/dev/pipe 0:0 600 1000:1000 fifo",
		"/srv/dev 1:3 604 0:0 character special file",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// The umask of the caller has no part in a device's mode.
func TestDeviceModeIgnoresTheUmask(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh(`stat -c %a /dev/null /dev/extra`), func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/extra", Type: "c", Major: 1, Minor: 3, FileMode: ptr(os.FileMode(0o666))}}
	})
	out := r.Path("modes")
	r.Shell("umask 077; exec " + r.Runtime.Path + " --root " + r.Root + " run -b " + c.Bundle + " " + c.ID + " > " + out)
	if got := r.Read(out); got != "666\n666\n" {
		t.Errorf("modes %q", got)
	}
}

func TestDeviceCgroup(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.AllCaps(), rig.Sh(`mknod /dev/k c 1 11; cat /dev/zero | head -c1 >/dev/null && echo zero
		mknod /dev/m c 1 1 && head -c1 /dev/m 2>&1; mknod /dev/f c 10 229 && : < /dev/f && echo fuse`))
	c.Edit(func(s *specs.Spec) {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{
			{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rwm"},
			{Allow: true, Type: "c", Access: "m"},
		}
	})
	x := c.Run()
	if !strings.Contains(x.Stdout, "zero\n") || !strings.Contains(x.Stdout, "Operation not permitted") {
		t.Errorf("%s%s", x.Stdout, x.Stderr)
	}
}

const mask = `cat /proc/keys; ls /sys/firmware; cat /masked/file; ls /masked/dir; [ -e /masked/none ] || echo none
echo x > /ro/file; mkdir /ro/dir/x; echo x > /masked/file 2>/dev/null; mkdir /masked/dir/x; cat /ro/file`

func TestMaskedAndReadonlyPaths(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.AllCaps(), rig.Sh(mask), func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/proc/keys", "/sys/firmware", "/masked/file", "/masked/dir", "/masked/none", "/no/such"}
		s.Linux.ReadonlyPaths = []string{"/ro/file", "/ro/dir", "/ro/none", "/no/such"}
	})
	for _, dir := range []string{"masked/dir/secret", "ro/dir"} {
		if err := os.MkdirAll(c.Rootfs()+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"masked/file", "ro/file"} {
		if err := os.WriteFile(c.Rootfs()+"/"+file, []byte("secret\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	x := c.Run()
	if x.Stdout != "none\nsecret\n" {
		t.Errorf("stdout %q, stderr %q", x.Stdout, x.Stderr)
	}
	for _, want := range []string{"/ro/file: Read-only file system", "'/ro/dir/x': Read-only file system", "'/masked/dir/x': Read-only file system"} {
		if !strings.Contains(x.Stderr, want) {
			t.Errorf("no %q in %s", want, x.Stderr)
		}
	}
	if got := r.Read(c.Rootfs() + "/masked/file"); got != "secret\n" {
		t.Errorf("the masked file now has %q", got)
	}
}

// A readonly path keeps the flags that its mount had.
func TestReadonlyPathsKeepTheirFlags(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 clears them")
	text := r.Container(rig.Sh(showMounts), func(s *specs.Spec) {
		s.Mounts[0].Options = []string{"nosuid", "noexec", "nodev"}
		s.Linux.ReadonlyPaths = []string{"/proc/sys"}
	}).Output()
	if err := mountOf(text, "/proc/sys").hasAll("ro,nosuid,noexec,nodev"); err != nil {
		t.Error(err)
	}
}

func TestSysctl(t *testing.T) {
	got := inside(t, rig.Sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max /proc/sys/net/ipv4/ip_unprivileged_port_start"),
		func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{
				"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456789", "fs.mqueue.msg_max": "77", "net/ipv4/ip_unprivileged_port_start": "80",
			}
		})
	if got != "1\n123456789\n77\n80" {
		t.Errorf("%q", got)
	}
}

// A sysctl that is not of a namespace of the container would be the host's.
func TestSysctlOfTheHostIsRefused(t *testing.T) {
	for key, mods := range map[string][]rig.Mod{
		"vm.overcommit_memory": nil, "kernel.panic": nil, "net.core.somaxconn": {rig.HostNamespace(specs.NetworkNamespace)},
		"kernel.shmmax": {rig.HostNamespace(specs.IPCNamespace)}, "kernel.hostname": nil,
	} {
		t.Run(key, func(t *testing.T) {
			r := rig.New(t)
			if key == "kernel.hostname" {
				r.Finding(rig.Crun, "1.8.1 takes it")
			}
			file := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
			before := r.Read(file)
			c := r.Container(append(mods, func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: strings.TrimSpace(before)} })...)
			x := c.Create()
			if x.Code == 0 {
				t.Error("create succeeded")
			}
			if r.Runtime.Kind == rig.Minirun && !strings.Contains(x.Message(), key) {
				t.Errorf("the message does not name the key: %s", x.Message())
			}
			if r.Read(file) != before {
				t.Error("and the host's value is another")
			}
		})
	}
}
