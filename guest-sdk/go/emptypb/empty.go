// Package emptypb has google.protobuf.Empty.
package emptypb

// Empty is a message without fields: of methods that need none, or give none.
type Empty struct{}

// String gives it as text.
func (x *Empty) String() string {
	return ""
}
