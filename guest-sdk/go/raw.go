package okra

import (
	"context"

	"okra/codes"
)

// RawServer serves the services under raw in okra.toml, on encoded messages. [RegisterRawServer] registers it.
//
// Messages are always encoded protobuf: of a client that speaks JSON the host converts them. The context says by which
// protocol and codec the client speaks ([FromContext]).
type RawServer interface {
	// Handle serves a unary call. method is the path on the wire, such as /greeter.v1.Greeter/Hello; request and response
	// are encoded messages, which the host neither reads nor checks.
	Handle(ctx context.Context, method string, request []byte) ([]byte, error)
	// HandleStream serves a call with a stream of requests, of responses, or of both. On a side without a stream there
	// is exactly one message: Recv returns it once, and HandleStream sends one response. Embed [UnaryRawServer] if no method
	// of the services streams.
	HandleStream(method string, stream RawServerStream) error
}

// RawServerStream is what a handler on encoded messages receives from and sends to, in any order.
type RawServerStream interface {
	// Context is that of the call.
	Context() context.Context
	// Recv waits for the next request. It returns io.EOF at the end, or the error that ended the stream.
	Recv() ([]byte, error)
	// Send sends a response, and waits while the reader is slow. It fails if the reader is gone.
	Send([]byte) error
	// SendAll sends responses in their order, as Send does. Many small ones cost a fraction of what they do one by one.
	SendAll([][]byte) error
}

// UnaryRawServer answers calls with streams with UNIMPLEMENTED. Servers without such methods embed it.
type UnaryRawServer struct{}

// HandleStream fails.
func (UnaryRawServer) HandleStream(method string, _ RawServerStream) error {
	return Errorf(codes.Unimplemented, "%s is not implemented", method)
}

var raw RawServer

// RegisterRawServer registers srv as the server of the services on encoded messages. main calls it.
func RegisterRawServer(srv RawServer) {
	raw = srv
}

// RegisteredRawServer returns the registered server, or an error if there is none. For the generated code.
func RegisteredRawServer() (RawServer, error) {
	if raw == nil {
		return nil, Error(codes.Unimplemented, "main registers no server of encoded messages")
	}
	return raw, nil
}
