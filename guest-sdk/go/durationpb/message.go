package durationpb

import "okra/protoimpl"

var types = [...]protoimpl.MessageType{{
	Name: "google.protobuf.Duration",
	New:  func() protoimpl.Message { return new(Duration) },
	Fields: []protoimpl.Field{
		{Name: "seconds", JSON: "seconds", Number: 1, Index: 0},
		{Name: "nanos", JSON: "nanos", Number: 2, Index: 1},
	},
}}

func init() {
	protoimpl.Register(types[:])
}

// Reset clears it.
func (x *Duration) Reset() { *x = Duration{} }

// ProtoMessage marks it as a message.
func (*Duration) ProtoMessage() {}

// MessageType is for package protoimpl.
func (*Duration) MessageType() *protoimpl.MessageType { return &types[0] }

// MarshalWire is for package protoimpl.
func (x *Duration) MarshalWire(e *protoimpl.Encoder) {
	if x.GetSeconds() != 0 {
		e.Int64(1<<3, x.Seconds)
	}
	if x.GetNanos() != 0 {
		e.Int32(2<<3, x.Nanos)
	}
}

// UnmarshalWire is for package protoimpl.
func (x *Duration) UnmarshalWire(d *protoimpl.Decoder) {
	for tag := d.Next(); tag != 0; tag = d.Next() {
		switch tag {
		case 1 << 3:
			x.Seconds = d.Int64()
		case 2 << 3:
			x.Nanos = d.Int32()
		default:
			d.Skip()
		}
	}
}
