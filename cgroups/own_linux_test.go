package cgroups

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestOwnedIsWhatTheKernelDelegates(t *testing.T) {
	const uid = 123456
	text, err := os.ReadFile("/sys/kernel/cgroup/delegate")
	must(t, err)
	for name, v := range views(t) {
		t.Run(name, func(t *testing.T) {
			g := created(t, v)
			must(t, g.Own(uid))
			for _, d := range g.dirs {
				list, err := os.ReadDir(d.path)
				must(t, err)
				want := map[string]bool{".": g.pure()}
				for name := range strings.FieldsSeq(string(text)) {
					want[name] = g.pure()
				}
				names := []string{"."}
				for _, e := range list {
					names = append(names, e.Name())
				}
				for _, name := range names {
					info, err := os.Lstat(d.path + "/" + name)
					must(t, err)
					if got := info.Sys().(*syscall.Stat_t).Uid == uid; got != want[name] {
						t.Errorf("%s/%s: owned %v, want %v", d.path, name, got, want[name])
					}
				}
			}
		})
	}
}
