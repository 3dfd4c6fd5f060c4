package bundles

import "fmt"

// maxID is NAME_MAX: an id is the name of a directory, and often of a
// control group.
const maxID = 255

// ValidateID accepts what runc accepts as a container's id: letters, digits
// and _ + - . where the first character is not a dot, so that neither "." nor
// ".." nor a hidden file is one.
func ValidateID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("container id: empty")
	case len(id) > maxID:
		return fmt.Errorf("container id %.16q...: longer than %d bytes", id, maxID)
	}
	for i, c := range []byte(id) {
		if !idByte(c) && (c != '.' || i == 0) {
			return fmt.Errorf("container id %q: want letters, digits and _ + - . (no dot first)", id)
		}
	}
	return nil
}

func idByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '+' || c == '-'
}
