package engines

import (
	"fmt"

	"minirun/tests/rig"
)

// A server is a running containerd.
type server struct {
	binary  string // containerd
	ctr     string
	address string // its socket
	version int    // 1 or 2
}

// containerd1 is the distribution's.
func containerd1(r *rig.Rig) server {
	return server{binary: program(r, "/usr/bin/containerd"), ctr: program(r, "/usr/bin/ctr"), version: 1}
}

// startContainerd starts a containerd without CRI.
func startContainerd(r *rig.Rig, c server) server {
	c.address = r.Path("c.sock")
	conf := r.Write("containerd.toml", fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
[grpc]
address = %q
`, r.Path("c-root"), r.Path("c-state"), c.address), 0o644)
	s := session{t: r, r: r, client: []string{c.ctr, "--address", c.address}, env: environ(r)}
	start(r, func() bool { return s.code("version") == 0 }, c.binary, "--config", conf)
	return c
}
