package runtime

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// StatesJSON is an array of states on one line. No states are an empty
// array, where runc prints null.
func StatesJSON(states []State) []byte {
	var w jsonWriter
	w.open('[')
	for _, s := range states {
		w.next()
		s.append(&w)
	}
	w.close(']')
	return append(w.buf, '\n')
}

// StatesTable is a table of states with a head line.
func StatesTable(states []State) []byte {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range states {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, timeText(s.Created), s.Owner)
	}
	w.Flush() // a Buffer does not fail
	return out.Bytes()
}

// userName finds the name of a uid in the text of /etc/passwd (passwd(5)),
// or returns #uid.
func userName(passwd string, uid int) string {
	want := strconv.Itoa(uid)
	for line := range strings.Lines(passwd) {
		f := strings.SplitN(line, ":", 4)
		if len(f) == 4 && f[2] == want && f[0] != "" {
			return f[0]
		}
	}
	return "#" + want
}
