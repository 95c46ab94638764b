// Package protoimpl is what generated messages are made with: the tables of their fields, and the reader and the writer of
// their encoding. It is not for use by services, which have packages okra/proto and okra/protojson: it changes with what
// `okra generate` makes.
package protoimpl

import (
	"strconv"
	"sync"
)

// Message is a protobuf message: a pointer to a generated struct, or to one of the well-known types. Package okra/proto has it
// as proto.Message.
type Message interface {
	Reset()
	String() string
	ProtoMessage()
	// MessageType returns the table of its fields. A nil pointer has it, too.
	MessageType() *MessageType
	// MarshalWire writes the fields that are set. A nil pointer has none.
	MarshalWire(*Encoder)
	// UnmarshalWire merges fields until the end of the message.
	UnmarshalWire(*Decoder)
}

// MessageType is the table of a message.
type MessageType struct {
	// Name is the full name, such as shop.billing.v1.Invoice.
	Name string
	// New makes an empty message.
	New func() Message
	// Fields are the fields, in the order of declaration.
	Fields []Field
}

// Presence is how the absence of a field is seen.
type Presence uint8

const (
	// Implicit fields have a zero value where they are absent, as all lists and maps do.
	Implicit Presence = iota
	// Explicit fields are nil where they are absent, or cases of a oneof.
	Explicit
	// Required fields are never absent.
	Required
)

// Kind is what a field is, where its Go type does not say so.
type Kind uint8

const (
	// Plain fields are what their Go type says.
	Plain Kind = iota
	// Wrapper is one of the wrappers of google.protobuf.
	Wrapper
	// FieldMask is google.protobuf.FieldMask, as a list of paths.
	FieldMask
	// Struct is google.protobuf.Struct, as JSON.
	Struct
	// Value is google.protobuf.Value, as JSON.
	Value
	// ListValue is google.protobuf.ListValue, as JSON.
	ListValue
)

// Field is a field of a message.
type Field struct {
	// Name is the name in the .proto file.
	Name string
	// JSON is the name in JSON.
	JSON string
	// Number is the number of the field.
	Number int32
	// Index is that of the field in the Go struct.
	Index int
	// Presence is how its absence is seen.
	Presence Presence
	// Kind is what it is.
	Kind Kind
	// Case is a nil pointer to the struct of a case of a oneof; nil of other fields.
	Case any
}

// EnumValue is a number of an enum with its name.
type EnumValue struct {
	Number int32
	Name   string
}

// EnumType is the table of an enum.
type EnumType struct {
	// Name is the full name.
	Name string
	// IsClosed says that numbers without a name are no values.
	IsClosed bool
	// Values are in the order of declaration, with one name for each number.
	Values []EnumValue
	// Aliases are the other names of the numbers.
	Aliases []EnumValue
}

// Enum is a value of a generated enum.
type Enum interface {
	String() string
	EnumType() *EnumType
}

// Has says whether a number has a name.
func (t *EnumType) Has(number int32) bool {
	for i := range t.Values {
		if t.Values[i].Number == number {
			return true
		}
	}
	return false
}

// NameOf returns the name of a number, or the number as text.
func (t *EnumType) NameOf(number int32) string {
	for i := range t.Values {
		if t.Values[i].Number == number {
			return t.Values[i].Name
		}
	}
	return strconv.Itoa(int(number))
}

// NumberOf returns the number of a name.
func (t *EnumType) NumberOf(name string) (int32, bool) {
	for i := range t.Values {
		if t.Values[i].Name == name {
			return t.Values[i].Number, true
		}
	}
	for i := range t.Aliases {
		if t.Aliases[i].Name == name {
			return t.Aliases[i].Number, true
		}
	}
	return 0, false
}

// The types of the program. Packages give their tables when they start; the names are only read when a type is looked for.
var registry struct {
	sync.Mutex
	pending [][]MessageType
	byName  map[string]*MessageType
}

// Register makes types known by name.
func Register(types []MessageType) {
	registry.Lock()
	defer registry.Unlock()
	registry.pending = append(registry.pending, types)
}

// FindMessage returns the type of a full name; nil if the program has none.
func FindMessage(name string) *MessageType {
	registry.Lock()
	defer registry.Unlock()
	if registry.byName == nil {
		registry.byName = map[string]*MessageType{}
	}
	for _, types := range registry.pending {
		for i := range types {
			registry.byName[types[i].Name] = &types[i]
		}
	}
	registry.pending = nil
	return registry.byName[name]
}
