package emptypb

import "okra/protoimpl"

var types = [...]protoimpl.MessageType{{
	Name:   "google.protobuf.Empty",
	New:    func() protoimpl.Message { return new(Empty) },
	Fields: nil,
}}

func init() {
	protoimpl.Register(types[:])
}

// Reset clears it.
func (x *Empty) Reset() { *x = Empty{} }

// ProtoMessage marks it as a message.
func (*Empty) ProtoMessage() {}

// MessageType is for package protoimpl.
func (*Empty) MessageType() *protoimpl.MessageType { return &types[0] }

// MarshalWire is for package protoimpl.
func (x *Empty) MarshalWire(*protoimpl.Encoder) {
}

// UnmarshalWire is for package protoimpl.
func (x *Empty) UnmarshalWire(d *protoimpl.Decoder) {
	for tag := d.Next(); tag != 0; tag = d.Next() {
		d.Skip()
	}
}
