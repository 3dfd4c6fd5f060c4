package bundles

import (
	"fmt"
	"strconv"
)

// An invalid value of config.json, and where it is. The path grows on the
// way out of the checks, so that it costs nothing where all is well.
type invalid struct{ path, problem string }

func (e *invalid) Error() string { return e.path + ": " + e.problem }

func bad(path, problem string, args ...any) error {
	return &invalid{path, fmt.Sprintf(problem, args...)}
}

func missing(path string) error { return bad(path, "missing") }

// in puts the name of an object or array before the path of a problem in it.
func in(path string, err error) error {
	e, ok := err.(*invalid) //nolint:errorlint // every check returns it bare
	if !ok {
		return err
	}
	if e.path != "" && e.path[0] != '[' {
		path += "."
	}
	return &invalid{path + e.path, e.problem}
}

// at is in for the element i of an array.
func at(i int, err error) error { return in("["+strconv.Itoa(i)+"]", err) }

// each returns the first problem of the elements of the array path.
func each[T any](path string, all []T, check func(T) error) error {
	for i, one := range all {
		if err := check(one); err != nil {
			return in(path, at(i, err))
		}
	}
	return nil
}

// unique refuses the second of two elements that have the same name.
func unique[T any](path, field string, all []T, name func(T) string) error {
	for i, one := range all {
		for _, earlier := range all[:i] {
			if name(one) == name(earlier) {
				return in(path, at(i, bad(field, "%q comes twice", name(one))))
			}
		}
	}
	return nil
}

func absolute(path string) error {
	if path == "" {
		return missing("")
	}
	if path[0] != '/' {
		return bad("", "%q is not an absolute path", path)
	}
	return nil
}

// within refuses a value outside [low, high]; nil is no value.
func within[T integral](path string, value *T, low, high T) error {
	if value != nil && (*value < low || *value > high) {
		return bad(path, "%d is out of range (%d to %d)", *value, low, high)
	}
	return nil
}

// atLeast refuses a value below low; nil is no value.
func atLeast(path string, value *int64, low int64) error {
	if value != nil && *value < low {
		return bad(path, "%d is out of range (at least %d)", *value, low)
	}
	return nil
}
