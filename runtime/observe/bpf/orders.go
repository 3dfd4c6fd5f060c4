package bpf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"minirun/runtime/observe/helper"
)

// orders are the lines that minirun writes.
type orders struct {
	in   io.Reader
	obey func(namespace uint32) error
	rest []byte // the beginning of a line
}

// read takes what there is, and tells whether more may come.
func (o *orders) read() (more bool, err error) {
	b := make([]byte, 256)
	n, err := o.in.Read(b)
	o.rest = append(o.rest, b[:n]...)
	for {
		line, rest, whole := bytes.Cut(o.rest, []byte{'\n'})
		if !whole {
			break
		}
		o.rest = rest
		if string(line) == helper.Sync { // the ring was emptied after it came, and that was told
			continue
		}
		namespace, err := parseOrder(string(line))
		if err == nil {
			err = o.obey(namespace)
		}
		if err != nil {
			return false, err
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err == nil && len(o.rest) > len(helper.Watch)+20:
		return false, fmt.Errorf("read order: a line without an end")
	}
	return err == nil, err
}

// parseOrder reads the order to watch. Inodes of namespaces have 32 bits.
func parseOrder(line string) (namespace uint32, err error) {
	number, ok := strings.CutPrefix(line, helper.Watch)
	if !ok {
		return 0, fmt.Errorf("read order %q: there is none", line)
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read order %q: %w", line, err)
	}
	return uint32(n), nil
}
