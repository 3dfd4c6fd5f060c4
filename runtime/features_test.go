package runtime

import (
	"bytes"
	"encoding/json"
	"testing"

	"minirun/tests/golden"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
)

func TestFeaturesText(t *testing.T) { golden.Check(t, "features.json", featuresOf("1.2.3", true)) }

// Engines decode it into this structure; a member that is not in it is a typo.
func TestFeaturesAreThoseOfTheSpec(t *testing.T) {
	d := json.NewDecoder(bytes.NewReader(Features("1.2.3")))
	d.DisallowUnknownFields()
	var f features.Features
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if f.OCIVersionMax != specs.Version {
		t.Errorf("ociVersionMax is %s, and runtime-spec's package %s", f.OCIVersionMax, specs.Version)
	}
	if f.Linux.MountExtensions.IDMap.Enabled == nil || f.Linux.Seccomp.Enabled == nil {
		t.Error("containerd wants to know of idmap and seccomp")
	}
}
