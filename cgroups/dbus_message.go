package cgroups

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of a message.
const (
	methodCall = iota + 1
	methodReturn
	methodError
	signalMessage
)

// Fields of a message's header.
const (
	fieldPath = iota + 1
	fieldInterface
	fieldMember
	fieldErrorName
	fieldReplySerial
	fieldDestination
	fieldSender
	fieldSignature
)

// A busMessage is one that was received, or is to be sent.
type busMessage struct {
	kind                   byte
	path                   objectPath
	iface, member          string
	destination, errorName string
	sender                 string
	serial, reply          uint32 // reply is the serial of the call that this answers
	body                   []any
}

// A busError is the error that a method returned.
type busError struct {
	name string // "org.freedesktop.systemd1.UnitExists"
	text string // for people; may be empty
}

func (e *busError) Error() string {
	if e.text == "" {
		return e.name
	}
	return e.text
}

// encode writes a message.
func (m *busMessage) encode() []byte {
	var body encoder
	signature := ""
	for _, v := range m.body {
		body.put(v)
		signature += signatureOf(v)
	}
	e := encoder{buf: []byte{'l', m.kind, 0, 1}}
	e.u32(uint32(len(body.buf)))
	e.u32(m.serial)
	fields := array{element: "(yv)"}
	for _, f := range []struct {
		code  byte
		value any
		empty bool
	}{
		{fieldPath, m.path, m.path == ""},
		{fieldInterface, m.iface, m.iface == ""},
		{fieldMember, m.member, m.member == ""},
		{fieldErrorName, m.errorName, m.errorName == ""},
		{fieldReplySerial, m.reply, m.reply == 0},
		{fieldDestination, m.destination, m.destination == ""},
		{fieldSender, m.sender, m.sender == ""},
		{fieldSignature, typeSignature(signature), signature == ""},
	} {
		if !f.empty {
			fields.items = append(fields.items, structure{f.code, variant{f.value}})
		}
	}
	e.put(fields)
	e.align(8)
	return append(e.buf, body.buf...)
}

// maxMessage is more than systemd ever says of a unit, in bytes. The
// specification allows 128 MiB.
const maxMessage = 16 << 20

// prologue is the part of a header that tells the size of all.
const prologue = 16

// messageSize returns the size of the message that begins with head, of which
// prologue bytes must be there.
func messageSize(head []byte) (int, error) {
	order, err := byteOrder(head[0])
	if err != nil {
		return 0, err
	}
	if head[3] != 1 {
		return 0, fmt.Errorf("protocol version %d", head[3])
	}
	body, fields := uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[12:]))
	size := prologue + (fields+7)/8*8 + body
	if size > maxMessage {
		return 0, fmt.Errorf("a message of %d bytes", size)
	}
	return int(size), nil
}

func byteOrder(mark byte) (binary.ByteOrder, error) {
	switch mark {
	case 'l':
		return binary.LittleEndian, nil
	case 'B':
		return binary.BigEndian, nil
	}
	return nil, errors.New("not a message of D-Bus")
}

// decodeMessage reads one message that is exactly raw.
func decodeMessage(raw []byte) (*busMessage, error) {
	if len(raw) < prologue {
		return nil, errShort
	}
	if size, err := messageSize(raw); err != nil || size != len(raw) {
		return nil, errors.Join(err, errShort)
	}
	order, err := byteOrder(raw[0])
	if err != nil {
		return nil, err
	}
	d := decoder{buf: raw, pos: 8, order: order}
	m := &busMessage{kind: raw[1], serial: d.u32()}
	fields, _ := d.value("a(yv)")
	if d.err != nil {
		return nil, d.err
	}
	signature := ""
	for _, item := range fields.(array).items {
		f := item.(structure)
		m.field(f[0].(byte), f[1].(variant).value, &signature)
	}
	for d.take(0, 8); d.err == nil && signature != ""; {
		var v any
		v, signature = d.value(signature)
		m.body = append(m.body, v)
	}
	if d.err == nil && d.pos != len(raw) {
		d.fail(errors.New("a body is longer than its signature"))
	}
	return m, d.err
}

// field takes in one field of the header. A field of another type than the
// specification's is left out, as one that nobody knows is.
func (m *busMessage) field(code byte, v any, signature *string) {
	text, _ := v.(string)
	switch code {
	case fieldPath:
		m.path, _ = v.(objectPath)
	case fieldInterface:
		m.iface = text
	case fieldMember:
		m.member = text
	case fieldErrorName:
		m.errorName = text
	case fieldReplySerial:
		m.reply, _ = v.(uint32)
	case fieldDestination:
		m.destination = text
	case fieldSender:
		m.sender = text
	case fieldSignature:
		s, _ := v.(typeSignature)
		*signature = string(s)
	}
}

// failure is the error that a reply stands for, nil for a return.
func (m *busMessage) failure() error {
	if m.kind != methodError {
		return nil
	}
	e := &busError{name: m.errorName}
	if len(m.body) > 0 {
		e.text, _ = m.body[0].(string)
	}
	return e
}
