package observe

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// An element of a page, as a decoder that knows nothing of the writer finds it.
type element struct {
	name  string
	class string
	attrs map[string]string
	text  string
}

// page takes the part below <main> apart; it is well-formed XML.
func page(t *testing.T, html []byte) []element {
	t.Helper()
	_, body, ok := bytes.Cut(html, []byte("<body>"))
	body, _, end := bytes.Cut(body, []byte("</body>"))
	if !ok || !end {
		t.Fatal("no body")
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Entity = map[string]string{}
	var list []element
	var open []int
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v at ...%q", err, body[max(0, d.InputOffset()-80):d.InputOffset()])
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Local, attrs: map[string]string{}}
			for _, a := range x.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			e.class = e.attrs["class"]
			open, list = append(open, len(list)), append(list, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				list[i].text += string(x)
			}
		case xml.Directive, xml.ProcInst, xml.Comment:
			t.Fatalf("%T in the page", x)
		}
	}
}

func (e *element) is(class string) bool { return slices.Contains(strings.Fields(e.class), class) }

func render(t *testing.T, line *Timeline) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := line.Write(&out, HTML); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAPageNeedsNothingButItself(t *testing.T) {
	for _, file := range recorded(t) {
		html := render(t, load(t, file))
		for _, bad := range []string{"<script", "http://", "https://", "javascript:", "url(", "@import"} {
			text := strings.ReplaceAll(string(html), `xmlns="http://www.w3.org/2000/svg"`, "")
			text = strings.ReplaceAll(text, "url(#m-", "")
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("%s: %q in ...%q", file, bad, text[max(i-40, 0):i+20])
			}
		}
		if !bytes.Contains(html, []byte(`content="default-src 'none'; style-src 'unsafe-inline'"`)) ||
			!bytes.Contains(html, []byte("prefers-color-scheme: dark")) {
			t.Errorf("%s: no policy, or no dark colours", file)
		}
	}
}

// Every line of the text is a row that the keyboard reaches and a screen reader reads.
func TestAPageHasEveryLine(t *testing.T) {
	for _, file := range recorded(t) {
		line := load(t, file)
		var rows []element
		for _, e := range page(t, render(t, line)) {
			if e.is("row") {
				rows = append(rows, e)
			}
		}
		n := 0
		for _, e := range line.Entries {
			if e.Folded {
				continue
			}
			l := e.Line()
			if n < len(rows) && (!strings.Contains(rows[n].attrs["aria-label"], l.What) || rows[n].attrs["tabindex"] != "0" || rows[n].attrs["role"] != "listitem") {
				t.Errorf("%s: row %d is %+v, want %q", file, n, rows[n].attrs, l.What)
			}
			n++
		}
		if len(rows) != n {
			t.Errorf("%s: %d rows, want %d", file, len(rows), n)
		}
	}
}

func TestThePictureOfTheStop(t *testing.T) {
	count := map[string]int{}
	for _, e := range page(t, render(t, load(t, "testdata/bpf/stop.jsonl"))) {
		for _, class := range []string{"head", "arrow", "wall", "chip", "born", "populated", "zombie"} {
			if e.is(class) {
				count[class]++
			}
		}
	}
	// minirun, init, sh and three children; TERM, KILL, three of zap and CHLD, of which TERM is in vain
	for class, want := range map[string]int{"head": 6, "arrow": 6, "wall": 1, "chip": 4, "born": 3, "populated": 1, "zombie": 1} {
		if count[class] != want {
			t.Errorf("%d of %s, want %d", count[class], class, want)
		}
	}
}

// hostile names a process what a page, a terminal or a line would take for its own.
func hostile() *Timeline {
	names := []string{"<script>alert(1", `"><i onx='&`, "\x1b[2J\x1b]0;x\a", "a\nb\rc\td", "\u202egnp.exe", "\xff\xfe\x9b31m", "]]>-->{{.}}", `\x1b`}
	events := []Event{}
	for i, name := range names {
		who := Task{Pid: int32(100 + i), Tgid: int32(100 + i), Inside: int32(1 + i), Own: int32(1 + i), Comm: Comm(name)}
		to := Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1, Comm: Comm(names[0])}
		events = append(events,
			Event{Time: int64(10*i + 1), Kind: Exec, Task: who, Text: "/bin/" + name},
			Event{Time: int64(10*i + 2), Kind: Generate, Signal: 15, Result: Ignored, Has: HasResult, Task: who, Target: to},
			Event{Time: int64(10*i + 3), Kind: Attach, Task: who, Text: "/" + name},
			Event{Time: int64(10*i + 4), Kind: Census, State: 'S', Task: who, Target: to, Text: name},
			Event{Time: int64(10*i + 5), Kind: Mark, Text: name},
			Event{Time: int64(10*i + 6), Kind: Rung, Text: name},
			Event{Time: int64(10*i + 7), Kind: Exit, Has: HasStatus | HasGroupDead, Flags: FlagGroupDead, Task: who},
		)
	}
	return Build(About{ID: names[1], Init: 100, Skipped: names}, events)
}

func TestNamesCannotBeTakenForMarkup(t *testing.T) {
	html := render(t, hostile())
	for _, e := range page(t, html) {
		if e.name == "script" || e.name == "i" {
			t.Errorf("an element of a name: %+v", e)
		}
		for name := range e.attrs {
			if strings.HasPrefix(name, "on") {
				t.Errorf("an attribute of a name: %+v", e)
			}
		}
	}
	onlyPrintable(t, html)
}

func TestNamesCannotSteerATerminal(t *testing.T) {
	for _, f := range []Format{Text, JSON} {
		var out bytes.Buffer
		if err := hostile().Write(&out, f); err != nil {
			t.Fatal(err)
		}
		onlyPrintable(t, out.Bytes())
	}
}

// onlyPrintable: no control, nothing invalid, nothing that turns the direction of writing.
func onlyPrintable(t *testing.T, out []byte) {
	t.Helper()
	for i, c := range string(out) {
		if c != '\n' && steers(c) || c == '\uFFFD' && out[i] != 0xef {
			t.Fatalf("%q at %d: ...%q", c, i, out[max(i-40, 0):i+4])
		}
	}
}
