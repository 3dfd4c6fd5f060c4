package runtime

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestCopiesDetachedAgreesWithTheKernel(t *testing.T) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		t.Fatal(err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mount)
	again, err := unix.OpenTree(mount, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err == nil {
		unix.Close(again)
	}
	if got := copiesDetached(); got != (err == nil) {
		t.Errorf("copiesDetached() = %v, but open_tree of a detached mount: %v", got, err)
	}
}
