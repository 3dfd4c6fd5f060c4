package runtime

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestJSONWriterIndentsLikeEncodingJSON(t *testing.T) {
	var w jsonWriter
	write := func(indent string) []byte {
		w = jsonWriter{indent: indent}
		w.open('{')
		w.strField("s", "x")
		w.intField("n", -1)
		w.key("empty")
		w.open('{')
		w.close('}')
		w.listField("none", nil)
		w.listField("list", []string{"a", "b"})
		w.mapField("map", map[string]string{"k": "v", "j": "u"})
		w.boolField("last", true)
		w.close('}')
		return w.buf
	}
	compact := write("")
	var want bytes.Buffer
	if err := json.Indent(&want, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	if got := write("  "); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
	}
	if bytes.ContainsAny(compact, " \n") {
		t.Errorf("not compact: %s", compact)
	}
}

// FuzzJSONString: any string is read back by encoding/json, less the bytes
// that are not UTF-8.
func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t", "\x00\x1f\x7f", "é\u2028\U0001F600", "\xff\xc3", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendJSONString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
