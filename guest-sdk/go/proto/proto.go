// Package proto reads, writes, copies and compares protobuf messages, as google.golang.org/protobuf/proto does. All messages of
// a project are here: those of its methods, and those that okra.toml names under types.
package proto

import (
	"bytes"
	"fmt"

	"okra/protoimpl"
)

// Message is a protobuf message: a pointer to a generated struct, or to one of the well-known types.
type Message = protoimpl.Message

// Marshal returns the encoding of a message; equal messages have equal encodings. It fails if a string is not valid UTF-8, or
// more than 100 messages lie within each other.
func Marshal(m Message) ([]byte, error) {
	return MarshalOptions{}.Marshal(m)
}

// MarshalOptions are the options of [Marshal].
type MarshalOptions struct {
	// AllowPartial is for code that sets it. Fields that are required are never absent.
	AllowPartial bool
	// Deterministic is for code that sets it. Equal messages always have equal encodings.
	Deterministic bool
}

// Marshal returns the encoding of a message.
func (o MarshalOptions) Marshal(m Message) ([]byte, error) {
	return o.MarshalAppend(nil, m)
}

// MarshalAppend appends the encoding of a message to b.
func (MarshalOptions) MarshalAppend(b []byte, m Message) ([]byte, error) {
	if m == nil {
		return b, nil
	}
	b, err := protoimpl.Marshal(b, m)
	if err != nil {
		return nil, fmt.Errorf("proto: %w", err)
	}
	return b, nil
}

// Size returns the length of the encoding of a message; 0 if it has none.
func (o MarshalOptions) Size(m Message) int {
	b, _ := o.Marshal(m)
	return len(b)
}

// Unmarshal reads a message from its encoding, in place of what was in it. Unknown fields are dropped. It fails if the
// encoding is not valid, or more than 100 messages lie within each other.
func Unmarshal(b []byte, m Message) error {
	return UnmarshalOptions{}.Unmarshal(b, m)
}

// UnmarshalOptions are the options of [Unmarshal].
type UnmarshalOptions struct {
	// Merge leaves what is in the message, and merges what is read.
	Merge bool
	// AllowPartial is for code that sets it. Fields that are required are never absent.
	AllowPartial bool
	// DiscardUnknown is for code that sets it. Unknown fields are always dropped.
	DiscardUnknown bool
}

// Unmarshal reads a message from its encoding.
func (o UnmarshalOptions) Unmarshal(b []byte, m Message) error {
	if !o.Merge {
		m.Reset()
	}
	if err := protoimpl.Unmarshal(b, m); err != nil {
		return fmt.Errorf("proto: %w", err)
	}
	return nil
}

// Size returns the length of the encoding of a message; 0 if it has none.
func Size(m Message) int {
	return MarshalOptions{}.Size(m)
}

// Equal says whether two messages are of one type and have the same encoding.
func Equal(x, y Message) bool {
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	if x.MessageType() != y.MessageType() {
		return false
	}
	one, err := Marshal(x)
	if err != nil {
		return false
	}
	other, err := Marshal(y)
	return err == nil && bytes.Equal(one, other)
}

// Clone returns a copy that shares nothing with the message. It panics if the message has no encoding.
func Clone(m Message) Message {
	if m == nil {
		return nil
	}
	clone := m.MessageType().New()
	Merge(clone, m)
	return clone
}

// CloneOf returns a copy that shares nothing with the message, with its type.
func CloneOf[M Message](m M) M {
	clone, _ := Clone(m).(M)
	return clone
}

// Merge merges what is set in src into dst, which is of the same type: lists are joined, entries of maps replaced. It panics
// if the types differ, or src has no encoding.
func Merge(dst, src Message) {
	if dst.MessageType() != src.MessageType() {
		panic(fmt.Sprintf("proto: message %s is merged into %s", src.MessageType().Name, dst.MessageType().Name))
	}
	if err := protoimpl.Unmarshal(protoimpl.Encode(src), dst); err != nil {
		panic("proto: " + err.Error())
	}
}

// Reset clears a message.
func Reset(m Message) {
	m.Reset()
}

// MessageName returns the full name of the type of a message, such as shop.billing.v1.Invoice.
func MessageName(m Message) string {
	if m == nil {
		return ""
	}
	return m.MessageType().Name
}

// ValueOrDefault returns what a pointer leads to, of nil the zero value.
func ValueOrDefault[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// Bool returns a pointer to a value, for fields that are optional. So do the functions below.
func Bool(v bool) *bool { return &v }

// Int32 returns a pointer to a value.
func Int32(v int32) *int32 { return &v }

// Int64 returns a pointer to a value.
func Int64(v int64) *int64 { return &v }

// Uint32 returns a pointer to a value.
func Uint32(v uint32) *uint32 { return &v }

// Uint64 returns a pointer to a value.
func Uint64(v uint64) *uint64 { return &v }

// Float32 returns a pointer to a value.
func Float32(v float32) *float32 { return &v }

// Float64 returns a pointer to a value.
func Float64(v float64) *float64 { return &v }

// String returns a pointer to a value.
func String(v string) *string { return &v }
