package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A spool keeps what is to be written later: a little of it in memory, more in
// a temporary file without a name.
type spool struct {
	buf  []byte
	file *os.File
	err  error
}

// spoolMost is how much of a spool is in memory, in bytes.
const spoolMost = 1 << 18

func (s *spool) write(b []byte) {
	if len(s.buf)+len(b) > spoolMost {
		s.store()
	}
	s.buf = append(s.buf, b...)
}

// store moves what is in memory into the file.
func (s *spool) store() {
	if s.file == nil && s.err == nil {
		if s.file, s.err = os.CreateTemp("", "minirun-observe-"); s.err == nil {
			s.err = os.Remove(s.file.Name())
		}
	}
	if s.err == nil {
		_, s.err = s.file.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// drop gives up what is kept.
func (s *spool) drop() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// end writes everything to w, in its order.
func (s *spool) end(w io.Writer) error {
	if s.file != nil {
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			s.err = errors.Join(s.err, err)
		}
		if s.err == nil {
			_, s.err = io.Copy(w, s.file)
		}
		s.err = errors.Join(s.err, s.drop())
	}
	if s.err != nil {
		return fmt.Errorf("keep the trace until its end: %w", s.err)
	}
	_, err := w.Write(s.buf)
	return err
}
