package anypb

import "okra/protoimpl"

var types = [...]protoimpl.MessageType{{
	Name: "google.protobuf.Any",
	New:  func() protoimpl.Message { return new(Any) },
	Fields: []protoimpl.Field{
		{Name: "type_url", JSON: "typeUrl", Number: 1, Index: 0},
		{Name: "value", JSON: "value", Number: 2, Index: 1},
	},
}}

func init() {
	protoimpl.Register(types[:])
}

// Reset clears it.
func (x *Any) Reset() { *x = Any{} }

// ProtoMessage marks it as a message.
func (*Any) ProtoMessage() {}

// MessageType is for package protoimpl.
func (*Any) MessageType() *protoimpl.MessageType { return &types[0] }

// MarshalWire is for package protoimpl.
func (x *Any) MarshalWire(e *protoimpl.Encoder) {
	if x.GetTypeUrl() != "" {
		e.String(1<<3|2, x.TypeUrl)
	}
	if len(x.GetValue()) > 0 {
		e.Bytes(2<<3|2, x.Value)
	}
}

// UnmarshalWire is for package protoimpl.
func (x *Any) UnmarshalWire(d *protoimpl.Decoder) {
	for tag := d.Next(); tag != 0; tag = d.Next() {
		switch tag {
		case 1<<3 | 2:
			x.TypeUrl = d.String()
		case 2<<3 | 2:
			x.Value = d.Bytes()
		default:
			d.Skip()
		}
	}
}
