package lab

import (
	"fmt"
	"io"
	"os"
	"time"
)

// A reader takes the reports of a program from its standard output.
type reader struct {
	from    *os.File
	program *program
	seen    []note
}

// next waits for a report. io.EOF means that nobody is left who could send one.
func (r *reader) next(within time.Duration) (note, error) {
	var record [recordSize]byte
	if err := r.from.SetReadDeadline(time.Now().Add(within)); err != nil {
		return note{}, err
	}
	if _, err := io.ReadFull(r.from, record[:]); err != nil {
		return note{}, err
	}
	got := r.program.note(record[:])
	r.seen = append(r.seen, got)
	return got, nil
}

// find passes over reports until one has the name.
func (r *reader) find(name string, within time.Duration) (int, error) {
	for {
		got, err := r.next(within)
		if err != nil {
			return 0, fmt.Errorf("wait for the program's %q after %v: %w", name, r.seen, err)
		}
		if got.Name == name {
			return got.Value, nil
		}
	}
}

// answer is the value of a report, or why there is none.
func (r *reader) answer(name string) any {
	v, err := r.find(name, patience)
	if err != nil {
		return "no answer"
	}
	return v
}

// rest is how many reports of a name come until all senders are gone.
func (r *reader) rest(name string) (count int, err error) {
	for {
		got, err := r.next(patience)
		if err == io.EOF {
			return count, nil
		}
		if err != nil {
			return count, fmt.Errorf("read reports: %w", err)
		}
		if got.Name == name {
			count++
		}
	}
}

// collect waits until all of some reports are there, in any order.
func (r *reader) collect(b *Bench, names ...string) map[string]int {
	values := make(map[string]int, len(names))
	for len(values) < len(names) {
		got, err := r.next(patience)
		if err != nil {
			b.must(fmt.Errorf("wait for %q after %v: %w", names, r.seen, err))
		}
		for _, name := range names {
			if got.Name == name {
				values[name] = got.Value
			}
		}
	}
	return values
}
