package cgroups

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"testing"

	"github.com/godbus/dbus/v5"
)

// godbus is a peer here: what one side writes the other must read.

// peerBytes is a signal of godbus with the values in its body.
func peerBytes(t testing.TB, order binary.ByteOrder, body ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/a/b")),
		dbus.FieldInterface: dbus.MakeVariant("a.b.C"),
		dbus.FieldMember:    dbus.MakeVariant("Member"),
		dbus.FieldSender:    dbus.MakeVariant(":1.2"),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}, Body: body}
	var b bytes.Buffer
	must(t, m.EncodeTo(&b, order))
	return b.Bytes()
}

type pair struct{ A, B string }

type peerProperty struct {
	Name  string
	Value dbus.Variant
}

// values are the same values in our types and in the peer's.
func values() map[string][2]any {
	return map[string][2]any{
		"byte":       {byte(200), byte(200)},
		"true":       {true, true},
		"false":      {false, false},
		"int16":      {int16(-5), int16(-5)},
		"uint16":     {uint16(65535), uint16(65535)},
		"int32":      {int32(-7), int32(-7)},
		"uint32":     {uint32(7), uint32(7)},
		"int64":      {int64(-1 << 60), int64(-1 << 60)},
		"uint64":     {infinity, infinity},
		"float":      {1.5, 1.5},
		"string":     {"grün", "grün"},
		"path":       {objectPath("/x"), dbus.ObjectPath("/x")},
		"signature":  {typeSignature("a(sv)"), dbus.ParseSignatureMust("a(sv)")},
		"bytes":      {arrayOf("y", byte(1), byte(2)), []byte{1, 2}},
		"no strings": {array{element: "s"}, []string{}},
		"strings":    {arrayOf("s", "a", "bc"), []string{"a", "bc"}},
		"no uint64s": {array{element: "t"}, []uint64{}},
		"uint64s":    {arrayOf("t", uint64(1)), []uint64{1}},
		"pairs":      {arrayOf("(ss)", structure{"a", "b"}, structure{"", "d"}), []pair{{"a", "b"}, {"", "d"}}},
		"arrays":     {arrayOf("as", arrayOf("s", "a"), array{element: "s"}), [][]string{{"a"}, {}}},
		"variant":    {variant{uint64(3)}, dbus.MakeVariant(uint64(3))},
		"deep":       {variant{variant{arrayOf("b", true)}}, dbus.MakeVariant(dbus.MakeVariant([]bool{true}))},
		"property":   {structure{"Slice", variant{"a.slice"}}, peerProperty{"Slice", dbus.MakeVariant("a.slice")}},
		"properties": {properties([]property{{"A", true}, {"B", uint64(1)}}), []peerProperty{{"A", dbus.MakeVariant(true)}, {"B", dbus.MakeVariant(uint64(1))}}},
	}
}

func TestMessagesAreThoseOfThePeer(t *testing.T) {
	for name, v := range values() {
		t.Run(name, func(t *testing.T) {
			ours, theirs := v[0], v[1]
			if got, want := signatureOf(ours), dbus.SignatureOf(theirs).String(); got != want {
				t.Fatalf("signature %q, want %q", got, want)
			}
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				raw := peerBytes(t, order, "first", theirs, byte(9))
				m, err := decodeMessage(raw)
				must(t, err)
				want := &busMessage{kind: signalMessage, path: "/a/b", iface: "a.b.C", member: "Member", sender: ":1.2", body: []any{"first", ours, byte(9)}}
				if m.serial = 0; !reflect.DeepEqual(m, want) {
					t.Errorf("%v: read %#v, want %#v", order, m, want)
				}
			}
			call := busMessage{kind: methodCall, serial: 5, path: "/p", iface: "i.i", member: "M", destination: "d.d", body: []any{"first", ours, byte(9)}}
			m, err := dbus.DecodeMessage(bytes.NewReader(call.encode()))
			must(t, err)
			if got, want := fmt.Sprintf("%#v", m.Body), fmt.Sprintf("%#v", theirReading(t, "first", theirs, byte(9))); got != want {
				t.Errorf("the peer reads %s, want %s", got, want)
			}
			for field, want := range map[dbus.HeaderField]any{
				dbus.FieldPath: dbus.ObjectPath("/p"), dbus.FieldInterface: "i.i", dbus.FieldMember: "M", dbus.FieldDestination: "d.d",
			} {
				if got := m.Headers[field].Value(); m.Type != dbus.TypeMethodCall || m.Serial() != 5 || got != want {
					t.Errorf("the peer reads header %v as %v, want %v", field, got, want)
				}
			}
		})
	}
}

// theirReading is how the peer reads its own values.
func theirReading(t *testing.T, body ...any) []any {
	t.Helper()
	m, err := dbus.DecodeMessage(bytes.NewReader(peerBytes(t, binary.LittleEndian, body...)))
	must(t, err)
	return m.Body
}

// TestValueTextsAreThoseOfThePeer: annotations were written for runc, which
// reads them with godbus.
func TestValueTextsAreThoseOfThePeer(t *testing.T) {
	for _, text := range []string{
		"true", "false", "5", "-5", "+5", "0", "0x1f", "017", "1.5", "1e3", "-0.5",
		"byte 7", "int16 -3", "uint16 3", "int32 3", "uint32 3", "int64 -3", "uint64 18446744073709551615", "uint64 0x10",
		"'text'", `"text"`, `'it\'s'`, `"a\tb\n\u00e9\U0001F600\\"`, "''", "'grün'", "objectpath '/a/b'", "signature 'as'", "string 'x'", "@s 'x'", "@t 5",
		"['a', 'b']", "[1, 2]", "[1,2,3]", "@as []", "@as ['a']", "@at [1, 2]", "[uint32 1, uint32 2]", "[true]", "[['a'], ['b']]", "@aas [['a'], []]", " 'x' ", "@ay [0x1, 2]",
	} {
		ours, err := parseValue(text)
		theirs, perr := dbus.ParseVariant(text, dbus.Signature{})
		if err != nil || perr != nil {
			t.Errorf("%s: %v, the peer: %v", text, err, perr)
			continue
		}
		if got, want := signatureOf(ours), theirs.Signature().String(); got != want {
			t.Errorf("%s: type %s, want %s", text, got, want)
			continue
		}
		m, err := decodeMessage(peerBytes(t, binary.LittleEndian, theirs.Value()))
		must(t, err)
		if !reflect.DeepEqual(m.body[0], ours) {
			t.Errorf("%s: got %#v, want %#v", text, ours, m.body[0])
		}
	}
}
