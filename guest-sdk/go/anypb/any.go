// Package anypb has google.protobuf.Any.
package anypb

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
