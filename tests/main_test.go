// Package tests holds the black-box tests: they see a container runtime's
// command line and the kernel, nothing else. RUNTIME names the executable,
// and is a minirun built for the run when it is unset; with RUNTIME=runc or
// RUNTIME=crun every test that states a convention of all runtimes runs
// against these, so that a difference is a finding.
package tests

import (
	"os"
	"testing"

	"minirun/tests/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
