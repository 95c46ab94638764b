// A guest that gets its messages encoded.
package main

import (
	"bytes"
	"context"
	"errors"
	"io"

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

func (echo) HandleStream(method string, stream okra.RawServerStream) error {
	var last []byte
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		last = request
		switch method {
		case "/test.raw.v1.Echo/Each":
			err = stream.Send(bytes.ToUpper(request))
		case "/test.raw.v1.Echo/Repeat":
			err = errors.Join(stream.Send(request), stream.Send(request))
		case "/test.raw.v1.Echo/TooMany":
			err = stream.Send(request)
		case "/test.raw.v1.Echo/Last":
		default:
			err = okra.Errorf(codes.Unimplemented, "%s is not there", method)
		}
		if err != nil {
			return err
		}
	}
	if method == "/test.raw.v1.Echo/Last" && last != nil {
		return stream.Send(last)
	}
	return nil
}

func main() {
	okra.RegisterRawServer(echo{})
}
