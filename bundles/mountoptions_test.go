package bundles

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	rdonly      = unix.MOUNT_ATTR_RDONLY
	nosuid      = unix.MOUNT_ATTR_NOSUID
	nodev       = unix.MOUNT_ATTR_NODEV
	noexec      = unix.MOUNT_ATTR_NOEXEC
	nodiratime  = unix.MOUNT_ATTR_NODIRATIME
	nosymfollow = unix.MOUNT_ATTR_NOSYMFOLLOW
	noatime     = unix.MOUNT_ATTR_NOATIME
	strictatime = unix.MOUNT_ATTR_STRICTATIME
	atimeField  = unix.MOUNT_ATTR__ATIME
)

// Options of a mount, alone; with an r before them they mean the same for
// the tree.
var attributes = []struct {
	name string
	want MountAttr
}{
	{"ro", MountAttr{Set: rdonly}},
	{"rw", MountAttr{Clear: rdonly}},
	{"nosuid", MountAttr{Set: nosuid}},
	{"suid", MountAttr{Clear: nosuid}},
	{"nodev", MountAttr{Set: nodev}},
	{"dev", MountAttr{Clear: nodev}},
	{"noexec", MountAttr{Set: noexec}},
	{"exec", MountAttr{Clear: noexec}},
	{"nodiratime", MountAttr{Set: nodiratime}},
	{"diratime", MountAttr{Clear: nodiratime}},
	{"nosymfollow", MountAttr{Set: nosymfollow}},
	{"symfollow", MountAttr{Clear: nosymfollow}},
	{"relatime", MountAttr{Clear: atimeField}},
	{"noatime", MountAttr{Set: noatime, Clear: atimeField}},
	{"strictatime", MountAttr{Set: strictatime, Clear: atimeField}},
	{"atime", MountAttr{Clear: atimeField}},
	{"nostrictatime", MountAttr{Clear: atimeField}},
	{"norelatime", MountAttr{}},
}

func TestAttributesOfAMountAndOfItsTree(t *testing.T) {
	for _, tc := range attributes {
		o, err := ParseMountOptions([]string{tc.name, "bind"})
		if want := (MountOptions{Attr: tc.want, Bind: true}); err != nil || !reflect.DeepEqual(clean(o), want) {
			t.Errorf("%s: got %+v, %v", tc.name, o, err)
		}
		o, err = ParseMountOptions([]string{"r" + tc.name})
		if want := (MountOptions{RecAttr: tc.want}); err != nil || !reflect.DeepEqual(clean(o), want) {
			t.Errorf("r%s: got %+v, %v", tc.name, o, err)
		}
	}
}

// clean takes an empty list for none.
func clean(o MountOptions) MountOptions {
	if len(o.SBFlags) == 0 {
		o.SBFlags = nil
	}
	return o
}

func TestMountOptionsTogether(t *testing.T) {
	for _, tc := range []struct {
		options string
		want    MountOptions
	}{
		{"", MountOptions{}},
		{"defaults loud silent iversion noiversion rnorelatime", MountOptions{}},
		{"bind", MountOptions{Bind: true}},
		{"rbind", MountOptions{Bind: true, Recursive: true}},
		{"idmap", MountOptions{IDMap: true}},
		{"ridmap", MountOptions{IDMap: true, IDMapTree: true}},
		{"tmpcopyup", MountOptions{TmpCopyUp: true}},

		// The last one counts.
		{"ro rw", MountOptions{Attr: MountAttr{Clear: rdonly}}},
		{"rw ro", MountOptions{Attr: MountAttr{Set: rdonly}, SBFlags: []string{"ro"}}},
		{"nosuid suid nodev", MountOptions{Attr: MountAttr{Set: nodev, Clear: nosuid}}},
		{"noatime strictatime", MountOptions{Attr: MountAttr{Set: strictatime, Clear: atimeField}}},
		{"strictatime relatime", MountOptions{Attr: MountAttr{Clear: atimeField}}},
		{"noatime atime", MountOptions{Attr: MountAttr{Clear: atimeField}}},
		{"strictatime atime", MountOptions{Attr: MountAttr{Set: strictatime, Clear: atimeField}}},
		{"noatime nostrictatime", MountOptions{Attr: MountAttr{Set: noatime, Clear: atimeField}}},
		{"sync async", MountOptions{}},
		{"async sync sync", MountOptions{SBFlags: []string{"sync"}}},
		{"dirsync lazytime mand", MountOptions{SBFlags: []string{"dirsync", "lazytime", "mand"}}},
		{"lazytime nolazytime mand nomand", MountOptions{}},
		{"remount rw async nolazytime nomand", MountOptions{
			Remount: true, Attr: MountAttr{Clear: rdonly}, SBFlags: []string{"rw", "async", "nolazytime", "nomand"}}},
		{"remount bind ro", MountOptions{Remount: true, Bind: true, Attr: MountAttr{Set: rdonly}}},

		// A tree and its root may differ.
		{"rbind rro rw", MountOptions{Bind: true, Recursive: true,
			Attr: MountAttr{Clear: rdonly}, RecAttr: MountAttr{Set: rdonly}}},

		{"rslave shared", MountOptions{Propagation: []Propagation{{unix.MS_SLAVE, true}, {unix.MS_SHARED, false}}}},
		{"private runbindable", MountOptions{Propagation: []Propagation{{unix.MS_PRIVATE, false}, {unix.MS_UNBINDABLE, true}}}},

		// Options of the file system.
		{"size=65536k mode=755", MountOptions{Data: []KV{{"size", "65536k", false}, {"mode", "755", false}}}},
		{"newinstance ptmxmode=0666", MountOptions{Data: []KV{{"newinstance", "", true}, {"ptmxmode", "0666", false}}}},
		{"size=1k,mode=755,", MountOptions{Data: []KV{{"size", "1k", false}, {"mode", "755", false}}}},
		{`lowerdir=/a\,b:/c`, MountOptions{Data: []KV{{"lowerdir", `/a\,b:/c`, false}}}},
		{"a=b=c empty=", MountOptions{Data: []KV{{"a", "b=c", false}, {"empty", "", false}}}},
		{"rsize=1 rsync RO", MountOptions{Data: []KV{{"rsize", "1", false}, {"rsync", "", true}, {"RO", "", true}}}},
	} {
		got, err := ParseMountOptions(strings.Fields(tc.options))
		if err != nil || !reflect.DeepEqual(clean(got), tc.want) {
			t.Errorf("%q\n got %+v, %v\nwant %+v", tc.options, got, err, tc.want)
		}
	}
}

func TestATypeOfBindIsABindMount(t *testing.T) {
	o, err := ParseMount(&specs.Mount{Type: "bind", Options: []string{"ro"}})
	if want := (MountOptions{Bind: true, Attr: MountAttr{Set: rdonly}}); err != nil || !reflect.DeepEqual(clean(o), want) {
		t.Errorf("got %+v, %v", o, err)
	}
}

// specOptions is the table "Linux mount options" of runtime-spec 1.3, with
// rw, rrw and rsymfollow as it writes them.
const specOptions = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime
	nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private
	ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime
	rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable
	rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap`

func TestEveryOptionOfTheSpecificationIsKnown(t *testing.T) {
	known := KnownMountOptions()
	if !slices.IsSorted(known) {
		t.Error("the list is not sorted")
	}
	for _, name := range append(strings.Fields(specOptions), known...) {
		o, err := ParseMountOptions([]string{name})
		if err != nil || o.Data != nil {
			t.Errorf("%s: got %+v, %v", name, o, err)
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s is not listed", name)
		}
	}
}
