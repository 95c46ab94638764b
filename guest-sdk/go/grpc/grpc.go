// Package grpc has what handlers use of google.golang.org/grpc: headers and trailers of the call that is served, and the types of
// its streams.
package grpc

import (
	"context"

	"okra"
	"okra/metadata"
)

// ServerStreamingServer is what a handler of one request and many responses sends to.
type ServerStreamingServer[Res any] = okra.ServerStreamingServer[Res]

// ClientStreamingServer is what a handler of many requests and one response receives from.
type ClientStreamingServer[Req, Res any] = okra.ClientStreamingServer[Req, Res]

// ServerStream is what all streams of calls that are served have.
type ServerStream = okra.ServerStream

// BidiStreamingServer is what a handler of many requests and many responses receives from and sends to.
type BidiStreamingServer[Req, Res any] = okra.BidiStreamingServer[Req, Res]

// CallOption is an option of a call to another service.
type CallOption = okra.CallOption

// Header stores the response headers of a unary call in md.
func Header(md *metadata.MD) CallOption {
	return okra.Header(md)
}

// Trailer stores the response trailers of a unary call in md.
func Trailer(md *metadata.MD) CallOption {
	return okra.Trailer(md)
}

// SetHeader adds response headers, which leave with the first message. It fails if they have left already.
func SetHeader(ctx context.Context, md metadata.MD) error {
	return okra.AddHeaders(okra.FromContext(ctx), md)
}

// SendHeader adds response headers. They leave with the first message, not before it.
func SendHeader(ctx context.Context, md metadata.MD) error {
	return SetHeader(ctx, md)
}

// SetTrailer adds response trailers, which leave at the end of the call.
func SetTrailer(ctx context.Context, md metadata.MD) error {
	return okra.AddTrailers(okra.FromContext(ctx), md)
}

// Method returns the path of the call that is served, such as /greeter.v1.Greeter/Hello.
func Method(ctx context.Context) (string, bool) {
	call := okra.FromContext(ctx)
	return "/" + call.Service() + "/" + call.Method(), call.Method() != ""
}
