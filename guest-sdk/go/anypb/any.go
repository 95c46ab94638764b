// Package anypb has google.protobuf.Any.
package anypb

import (
	"errors"
	"fmt"
	"strings"

	"okra/proto"
	"okra/protoimpl"
)

// Any is an encoded message of a type that it names.
type Any struct {
	// TypeUrl says what Value is, such as type.googleapis.com/google.rpc.BadRequest.
	TypeUrl string
	// Value is the encoded message.
	Value []byte
}

// GetTypeUrl gives TypeUrl, of nil none.
func (x *Any) GetTypeUrl() string {
	if x == nil {
		return ""
	}
	return x.TypeUrl
}

// GetValue gives Value, of nil none.
func (x *Any) GetValue() []byte {
	if x == nil {
		return nil
	}
	return x.Value
}

const prefix = "type.googleapis.com/"

// New encodes a message, and names its type.
func New(m proto.Message) (*Any, error) {
	x := new(Any)
	if err := x.MarshalFrom(m); err != nil {
		return nil, err
	}
	return x, nil
}

// MarshalFrom encodes a message into it, and names its type.
func (x *Any) MarshalFrom(m proto.Message) error {
	if m == nil {
		return errors.New("anypb: there is no message")
	}
	value, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	x.TypeUrl, x.Value = prefix+proto.MessageName(m), value
	return nil
}

// UnmarshalTo decodes what is in it into m, which must be of its type.
func (x *Any) UnmarshalTo(m proto.Message) error {
	if !x.MessageIs(m) {
		return fmt.Errorf("anypb: the message is a %q, not a %s", x.MessageName(), proto.MessageName(m))
	}
	return proto.Unmarshal(x.GetValue(), m)
}

// UnmarshalNew decodes what is in it into a new message of its type. It fails if the project does not have the type: okra.toml
// names those under types that no method leads to.
func (x *Any) UnmarshalNew() (proto.Message, error) {
	found := protoimpl.FindMessage(x.MessageName())
	if found == nil {
		return nil, fmt.Errorf("anypb: the project has no message %q; `types` in okra.toml adds it", x.MessageName())
	}
	m := found.New()
	if err := proto.Unmarshal(x.GetValue(), m); err != nil {
		return nil, err
	}
	return m, nil
}

// MessageIs says whether it is of the type of m.
func (x *Any) MessageIs(m proto.Message) bool {
	return x != nil && m != nil && x.MessageName() == proto.MessageName(m)
}

// MessageName returns the full name of its type, without what stands before it in TypeUrl.
func (x *Any) MessageName() string {
	url := x.GetTypeUrl()
	return url[strings.LastIndexByte(url, '/')+1:]
}

// String gives it as text.
func (x *Any) String() string {
	return protoimpl.Text(x)
}
