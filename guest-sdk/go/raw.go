package okra

import "context"

// RawServer serves services on encoded messages: those that okra.toml names under raw. It is registered by [RegisterRawServer].
type RawServer interface {
	// Handle serves a unary call. method is the path on the wire, such as /greeter.v1.Greeter/Hello; request and answer
	// are encoded messages, which the host neither reads nor checks.
	Handle(ctx context.Context, method string, request []byte) ([]byte, error)
}

var raw RawServer

// RegisterRawServer has the services on encoded messages served by srv. Called in main.
func RegisterRawServer(srv RawServer) {
	raw = srv
}

// RegisteredRawServer is the one that was registered, if any. For the generated code.
func RegisteredRawServer() RawServer {
	return raw
}
