package runtime

import "minirun/nsinit"

// Plan compiles the plan by which create would make a container of the
// bundle, on this host, for one architecture. It changes nothing.
func (rt *Runtime) Plan(bundleDir, arch string) (*nsinit.Plan, error) {
	b := &birth{rt: rt, opts: CreateOptions{ID: "plan", BundleDir: bundleDir}}
	for _, step := range []func() error{b.load, func() error { return b.compile(true) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if arch == "" || arch == b.facts.Arch {
		return b.plan, nil
	}
	b.facts.Arch = arch
	return nsinit.Compile(b.bundle.Spec, b.facts)
}
