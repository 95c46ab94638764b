// A guest that gets its messages encoded.
package main

import (
	"bytes"
	"context"

	"okra"
	"okra/codes"
)

type echo struct{}

func (echo) Handle(_ context.Context, method string, request []byte) ([]byte, error) {
	switch method {
	case "/test.raw.v1.Echo/Upper":
		// A field with a string: tag and length stay, ASCII letters change.
		return bytes.ToUpper(request), nil
	case "/test.raw.v1.Echo/Much":
		return make([]byte, 2<<10), nil
	case "/test.raw.v1.Echo/Panic":
		panic("on purpose")
	default:
		return nil, okra.Errorf(codes.Unimplemented, "%s is not there", method)
	}
}

func main() {
	okra.RegisterRawServer(echo{})
}
