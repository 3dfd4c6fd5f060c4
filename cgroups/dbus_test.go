package cgroups

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

func TestValueTextsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "a value is missing",
		"uint64":                 "a value is missing",
		"infinity":               `cannot read "infinity"`,
		"5 6":                    `"6" follows the value`,
		"uint64 -1":              "invalid syntax",
		"byte 256":               "value out of range",
		"5000000000":             "value out of range",
		"uint64 'x'":             `"t" is no type for this value`,
		"'x":                     "a string has no end",
		`'\u12'`:                 "a Unicode escape is short",
		`'\ud800'`:               "is not a Unicode escape",
		`'\u0000'`:               "has a NUL byte",
		"'\xff'":                 "is not UTF-8",
		"[]":                     "an empty array needs a type",
		"[1, 'x']":               `is no type for this value`,
		"[uint32 1, int32 2]":    "a value is of type u, and has to be i",
		"[1 2]":                  "want a comma",
		"[1":                     "want a comma",
		"@a{sv} {}":              `cannot read "{}"`,
		"(1, 2)":                 `cannot read "(1, 2)"`,
		"<5>":                    `cannot read "<5>"`,
		"@as @as []":             "two types for one value",
		"@a [1]":                 `is no type for this value`,
		"@ass ['x']":             "is not a type",
		"@az []":                 "is not a type",
		"b'x'":                   `cannot read "b'x'"`,
		strings.Repeat("[", 100): "nested too deep",
	} {
		if v, err := parseValue(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %#v, %v, want %s", text, v, err, want)
		}
	}
}

func TestBrokenMessagesAreRefused(t *testing.T) {
	good := (&busMessage{kind: signalMessage, serial: 1, path: "/p", iface: "i", member: "m", body: []any{arrayOf("s", "x")}}).encode()
	for name, change := range map[string]func(b []byte) []byte{
		"not D-Bus":          func(b []byte) []byte { b[0] = 'H'; return b },
		"another version":    func(b []byte) []byte { b[3] = 2; return b },
		"cut":                func(b []byte) []byte { return b[:len(b)-1] },
		"cut header":         func(b []byte) []byte { return b[:10] },
		"long":               func(b []byte) []byte { return append(b, 0) },
		"huge body":          func(b []byte) []byte { binary.LittleEndian.PutUint32(b[4:], 1<<31); return b },
		"body of 1 more":     func(b []byte) []byte { b[4]++; return append(b, 0) },
		"array too long":     func(b []byte) []byte { b[len(b)-10]++; return b },
		"string without end": func(b []byte) []byte { b[len(b)-1] = 'x'; return b },
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := decodeMessage(change(append([]byte(nil), good...))); err == nil {
				t.Errorf("was read: %#v", m)
			}
		})
	}
	if _, err := decodeMessage(good); err != nil {
		t.Error(err)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, v := range values() {
		f.Add(peerBytes(f, binary.LittleEndian, v[1]))
		f.Add(peerBytes(f, binary.BigEndian, v[1]))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := decodeMessage(raw)
		if err != nil {
			return
		}
		again, err := decodeMessage(m.encode())
		if err != nil || len(m.body) != len(again.body) {
			t.Fatalf("%#v is read again as %#v, %v", m, again, err)
		}
	})
}

func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"uint64 5", "['a', \"b\"]", "@as []", `'\u00e9'`, "[[1], @ai []]", "1.5e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseValue(text)
		if err != nil {
			return
		}
		m, err := decodeMessage((&busMessage{kind: signalMessage, serial: 1, body: []any{v}}).encode())
		if err != nil {
			t.Fatalf("%#v: %v", v, err)
		}
		if got := m.body[0]; !reflect.DeepEqual(got, v) && !strings.Contains(strings.ToLower(text), "nan") {
			t.Errorf("%#v is read again as %#v", v, got)
		}
	})
}
