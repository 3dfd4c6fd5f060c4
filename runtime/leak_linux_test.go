package runtime

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestNoVerbLeavesADescriptorOpen(t *testing.T) {
	p := populate(t)
	before := len(numbersIn("/proc/self/fd"))
	try := func(what string, err error, wantErr bool) {
		t.Helper()
		if (err != nil) != wantErr {
			t.Errorf("%s: %v", what, err)
		}
		if now := len(numbersIn("/proc/self/fd")); now != before {
			t.Fatalf("%s: %d descriptors, %d before", what, now, before)
		}
	}
	_, err := p.rt.State("c1")
	try("state", err, false)
	_, err = p.rt.List()
	try("list", err, false)
	_, err = p.rt.Store.Claim("c1")
	try("claim of what exists", err, true)
	_, err = p.rt.State("c2")
	try("state of nothing", err, true)
	try("delete of a running container", p.rt.Delete("c1", false), true)
	try("delete of nothing", p.rt.Delete("c2", true), false)
	try("kill", p.rt.Kill("c1", 0, false), false)
	try("kill --all", p.rt.Kill("c1", unix.SIGCONT, true), false)
	d, err := p.rt.Store.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	before++
	_, err = p.rt.Store.lockWithin("c1", 0)
	try("lock that times out", err, true)
	before--
	try("close", d.Close(), false)
	try("delete --force", p.rt.Delete("c1", true), false)
}
