package main

import (
	"slices"
	"testing"
)

func TestRunTellsABundleFromAnID(t *testing.T) {
	for _, tt := range []struct {
		arg     string
		bundles []string // directories with a config.json
		want    bool
	}{
		{"./web", nil, true},
		{"/b/web", nil, true},
		{"web/", nil, true},
		{".", []string{"."}, true},
		{"web", []string{"web"}, true},
		{"web", []string{"."}, false},
		{"web", []string{".", "web"}, false}, // runc's reading
		{"web", nil, false},
		{".", nil, false},
	} {
		has := func(dir string) bool { return slices.Contains(tt.bundles, dir) }
		if got := namesBundle(tt.arg, has); got != tt.want {
			t.Errorf("%q beside %q: got %v", tt.arg, tt.bundles, got)
		}
	}
}

func TestIDComesFromTheNameOfTheBundle(t *testing.T) {
	for bundle, want := range map[string]string{
		"/b/web":        "web",
		"/b/web-1.2_x":  "web-1.2_x",
		"/b/my web":     "my-web",
		"/b/.hidden":    "-hidden",
		"/b/\xc3\xa9t":  "--t",
		"/":             "-",
		"/b/v1.0+build": "v1.0+build",
	} {
		if got := idOf(bundle); got != want {
			t.Errorf("%q: got %q, want %q", bundle, got, want)
		}
	}
}
