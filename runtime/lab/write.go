package lab

import (
	"fmt"
	"strings"

	"minirun/runtime"
)

// AppendText appends a result for people.
func (r *Result) AppendText(b []byte) []byte {
	b = fmt.Appendf(b, "%s: %s\n  %s\n", r.Name, r.Question, r.Done)
	for _, row := range r.Rows {
		b = row.appendText(b)
	}
	b = r.Evidence.appendText(b)
	switch r.Outcome() {
	case "agrees":
		b = fmt.Appendf(b, "  = %s\n", r.Answer)
	case "skipped":
		b = fmt.Appendf(b, "  - skipped: %s\n", r.Skipped)
	case "differs":
		b = fmt.Appendf(b, "  ! %d of %d answers differ from the rule: %s\n", len(r.Differences()), len(r.Rows), r.Answer)
	default:
		b = fmt.Appendf(b, "  ! broke off: %v\n", r.Err)
	}
	if r.Kept != "" {
		b = fmt.Appendf(b, "  kept in %s; delete the containers with --root %s/root\n", r.Kept, r.Kept)
	}
	return append(b, '\n')
}

func (r Row) appendText(b []byte) []byte {
	sign := byte(' ')
	if !r.Agrees() {
		sign = '!'
	}
	b = fmt.Appendf(b, "  %c %s: %s", sign, r.What, r.Got)
	if !r.Agrees() {
		b = fmt.Appendf(b, ", not %s", r.Want)
	}
	if r.Why != "" {
		b = fmt.Appendf(b, "  (%s)", strings.TrimSpace(r.Why))
	}
	return append(b, '\n')
}

// AppendJSON appends a result as one JSON object, without a newline.
func (r *Result) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	b = member(b, "name", r.Name)
	b = member(b, "outcome", r.Outcome())
	b = member(b, "question", r.Question)
	b = member(b, "done", r.Done)
	b = append(b, `"rows":[`...)
	for i, row := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = row.appendJSON(b)
	}
	b = append(b, "],"...)
	b = r.Evidence.appendJSON(b)
	if r.Skipped != "" {
		b = member(b, "skipped", r.Skipped)
	}
	if r.Err != nil {
		b = member(b, "error", r.Err.Error())
	}
	if r.Kept != "" {
		b = member(b, "kept", r.Kept)
	}
	b = member(b, "answer", r.Answer)
	b[len(b)-1] = '}'
	return b
}

func (r Row) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = member(b, "what", r.What)
	if r.Want != "" {
		b = member(b, "expected", r.Want)
	}
	b = member(b, "got", r.Got)
	if r.Why != "" {
		b = member(b, "why", r.Why)
	}
	return fmt.Appendf(b, `"agrees":%t}`, r.Agrees())
}

// member appends a member of an object with a comma after it.
func member(b []byte, name, value string) []byte {
	b = append(runtime.AppendJSONString(b, name), ':')
	return append(runtime.AppendJSONString(b, value), ',')
}

// appendText appends the lines of the kernel.
func (e *Evidence) appendText(b []byte) []byte {
	if e == nil {
		return b
	}
	for _, line := range e.Lines {
		b = fmt.Appendf(b, "  | %s: %s\n", e.Source, line)
	}
	return b
}

func (e *Evidence) appendJSON(b []byte) []byte {
	if e == nil {
		return b
	}
	b = append(b, `"evidence":[`...)
	for i, line := range e.Lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = runtime.AppendJSONString(b, line)
	}
	return member(append(b, "],"...), "source", e.Source)
}
