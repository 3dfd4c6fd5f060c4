package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// idmapped binds source with mappings of its own: 0 of the source is id there.
func idmapped(source, destination string, id uint32, options ...string) rig.Mod {
	return func(s *specs.Spec) {
		rig.Mount(destination, "bind", source, options...)(s)
		if id != 0 {
			m := &s.Mounts[len(s.Mounts)-1]
			m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: id, Size: 1000}}
			m.GIDMappings = m.UIDMappings
		}
	}
}

// volume is a directory of root's with a file, and a mount with another below it.
func volume(r *rig.Rig) string {
	r.Helper()
	dir := r.Mkdir("volume")
	r.Mkdir("volume/below")
	r.Write("volume/file", "", 0o644)
	if err := unix.Mount("tmpfs", dir+"/below", "tmpfs", 0, ""); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := unix.Unmount(dir+"/below", unix.MNT_DETACH); err != nil {
			r.Error(err)
		}
	})
	r.Write("volume/below/file", "", 0o644)
	return dir
}

const owners = "stat -c %u:%g /volume/file; stat -c %u:%g /volume/below/file; touch /volume/new && stat -c %u:%g /volume/new"

func TestIDMappedMounts(t *testing.T) {
	for name, c := range map[string]struct {
		user    bool
		id      uint32
		options []string
		want    string
		onDisk  uint32 // owner of the new file
	}{
		"its own mappings":                  {false, 5000, []string{"bind", "idmap"}, "", 0},
		"its own, and the tree's":           {false, 5000, []string{"rbind", "ridmap"}, "5000:5000\n5000:5000", 0},
		"its own, and not the tree's":       {false, 5000, []string{"rbind", "idmap"}, "5000:5000\n0:0", 0},
		"the option is not needed":          {false, 5000, []string{"rbind"}, "5000:5000\n0:0", 0},
		"the user namespace's":              {true, 0, []string{"rbind", "ridmap"}, "0:0\n0:0\n0:0", 0},
		"its own, in a user namespace":      {true, subid, []string{"rbind", "ridmap"}, "0:0\n0:0\n0:0", 0},
		"its own, elsewhere in a namespace": {true, subid + 7, []string{"rbind", "ridmap"}, "7:7\n7:7", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.Finding(rig.Runc, "1.1.5 has no idmapped mounts")
			r.Finding(rig.Crun, "1.8.1 maps the other way round, or only with its own annotation")
			dir := volume(r)
			box := mappedIf(r, c.user, idmapped(dir, "/volume", c.id, c.options...), rig.Sh(owners))
			x := box.Run()
			got := strings.TrimSpace(x.Stdout)
			if c.want == "" {
				c.want, got = "5000:5000", strings.SplitN(got, "\n", 2)[0]
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("code %d: %s%s, want %s", x.Code, x.Stdout, x.Stderr, c.want)
			}
			if strings.HasSuffix(c.want, "0:0\n0:0\n0:0") {
				onDisk(t, dir+"/new", c.onDisk)
			}
		})
	}
}

// onDisk checks a file's owner where it is not idmapped.
func onDisk(t *testing.T, path string, uid uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Uid != uid || st.Gid != uid {
		t.Errorf("%s belongs to %d:%d, %v", path, st.Uid, st.Gid, err)
	}
	os.Remove(path)
}
