package okra

import "context"

// RawServer serves the services under raw in okra.toml, on encoded messages. [RegisterRawServer] registers it.
type RawServer interface {
	// Handle serves a unary call. method is the path on the wire, such as /greeter.v1.Greeter/Hello; request and response
	// are encoded messages, which the host neither reads nor checks.
	Handle(ctx context.Context, method string, request []byte) ([]byte, error)
}

var raw RawServer

// RegisterRawServer registers srv as the server of the services on encoded messages. main calls it.
func RegisterRawServer(srv RawServer) {
	raw = srv
}

// RegisteredRawServer returns the registered server; nil if there is none. For the generated code.
func RegisteredRawServer() RawServer {
	return raw
}
