package okra

import (
	"context"

	"okra/metadata"
)

// ServerStream is what all streams of calls that are served have.
type ServerStream interface {
	// Context is that of the call.
	Context() context.Context
	// SetHeader adds response headers, which leave with the first message. It fails if they have left already.
	SetHeader(metadata.MD) error
	// SendHeader adds response headers. They leave with the first message, not before it.
	SendHeader(metadata.MD) error
	// SetTrailer adds response trailers, which leave at the end of the call. What is not valid is left out.
	SetTrailer(metadata.MD)
}

// ServerStreamingServer is what a handler of one request and many responses sends to.
type ServerStreamingServer[Res any] interface {
	ServerStream
	// Send sends a response, and waits while the reader is slow. It fails if the reader is gone.
	Send(*Res) error
	// SendAll sends responses in their order, as Send does. Many small ones cost a fraction of what they do one by one.
	SendAll([]*Res) error
}

// ClientStreamingServer is what a handler of many requests and one response receives from.
type ClientStreamingServer[Req, Res any] interface {
	ServerStream
	// Recv waits for the next request. It returns io.EOF at the end, or the error that ended the stream.
	Recv() (*Req, error)
	// SendAndClose sets the response, which leaves when the handler returns nil.
	SendAndClose(*Res) error
}

// BidiStreamingServer is what a handler of many requests and many responses receives from and sends to, in any order.
type BidiStreamingServer[Req, Res any] interface {
	ServerStream
	// Recv waits for the next request. It returns io.EOF at the end, or the error that ended the stream.
	Recv() (*Req, error)
	// Send sends a response, and waits while the reader is slow. It fails if the reader is gone.
	Send(*Res) error
	// SendAll sends responses in their order, as Send does. Many small ones cost a fraction of what they do one by one.
	SendAll([]*Res) error
}

// ClientStream is what all calls with streams to other services have.
type ClientStream interface {
	// Context is the one with which the call was made.
	Context() context.Context
	// Header has the response headers that have come: all of them when a response has.
	Header() metadata.MD
	// Trailer has the trailers, when the call has ended.
	Trailer() metadata.MD
	// Close ends the call. Before its end, it is cancelled. A call is closed when it has ended, when its context is done
	// at the next use, and with the call being served.
	Close()
}

// ServerStreamingClient is a call of one request and many responses.
type ServerStreamingClient[Res any] interface {
	ClientStream
	// Recv waits for the next response. It returns io.EOF at the end, or the error that ended the stream.
	Recv() (*Res, error)
}

// ClientStreamingClient is a call of many requests and one response.
type ClientStreamingClient[Req, Res any] interface {
	ClientStream
	// Send sends a request, and waits while the reader is slow. It fails if the reader is gone; CloseAndRecv says
	// why.
	Send(*Req) error
	// SendAll sends requests in their order, as Send does. Many small ones cost a fraction of what they do one by one.
	SendAll([]*Req) error
	// CloseAndRecv says that no more requests follow, and waits for the response.
	CloseAndRecv() (*Res, error)
}

// BidiStreamingClient is a call of many requests and many responses.
type BidiStreamingClient[Req, Res any] interface {
	ClientStream
	// Send sends a request, and waits while the reader is slow. It fails if the reader is gone; Recv says why.
	Send(*Req) error
	// SendAll sends requests in their order, as Send does. Many small ones cost a fraction of what they do one by one.
	SendAll([]*Req) error
	// CloseSend says that no more requests follow.
	CloseSend() error
	// Recv waits for the next response. It returns io.EOF at the end, or the error that ended the stream.
	Recv() (*Res, error)
}
