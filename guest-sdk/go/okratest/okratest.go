// Package okratest runs handlers in Go's own tests, without a host.
//
//	ctx, call := okratest.NewContext(t.Context())
//	call.Incoming = metadata.Pairs("x-tenant", "acme")
//	reply, err := service{}.Hello(ctx, &greeterv1.HelloRequest{Name: "Ada"})
//
// A handler with streams gets a [Stream]. Services that a handler calls are interfaces, for which a test passes its own;
// those that stream return a [ClientStream].
package okratest

import (
	"context"
	"io"
	"time"

	"okra"
	"okra/codes"
	"okra/metadata"
)

// Call is a call that a test makes. Its fields are what the handler reads of the call, and what it has added to it.
type Call struct {
	// ServiceName and MethodName are what is called.
	ServiceName, MethodName string
	// Wire is the protocol; [NewContext] sets [okra.GRPC].
	Wire okra.Protocol
	// Encoding is the codec; [NewContext] sets [okra.Proto].
	Encoding okra.Codec
	// RawQuery is the query string of a call that came as HTTP GET; nil of any other.
	RawQuery *string
	// Incoming is the metadata of the request.
	Incoming metadata.MD
	// SentTimeout is the timeout that the caller sent; nil if it sent none. It sets no deadline: a test sets that with the
	// context that it passes to [NewContext].
	SentTimeout *time.Duration
	// PeerAddress is the network address of the client.
	PeerAddress string
	// CallerName is the client's name in its certificate.
	CallerName string
	// Certificate is the client's certificate, in DER.
	Certificate []byte
	// AuthorityName is the name by which the client addressed the server.
	AuthorityName string
	// Callers are the services that the call passed through.
	Callers []string
	// Header and Trailer are what the handler has added.
	Header, Trailer metadata.MD
}

// NewContext returns the context of a call, below parent.
func NewContext(parent context.Context) (context.Context, *Call) {
	call := &Call{Wire: okra.GRPC, Encoding: okra.Proto, Header: metadata.MD{}, Trailer: metadata.MD{}}
	return okra.NewContext(parent, call), call
}

// Service returns ServiceName.
func (c *Call) Service() string { return c.ServiceName }

// Method returns MethodName.
func (c *Call) Method() string { return c.MethodName }

// Protocol returns Wire.
func (c *Call) Protocol() okra.Protocol { return c.Wire }

// Codec returns Encoding.
func (c *Call) Codec() okra.Codec { return c.Encoding }

// Query returns RawQuery.
func (c *Call) Query() (string, bool) { return value(c.RawQuery) }

// Metadata returns Incoming.
func (c *Call) Metadata() metadata.MD { return c.Incoming }

// Timeout returns SentTimeout.
func (c *Call) Timeout() (time.Duration, bool) { return value(c.SentTimeout) }

// Peer returns PeerAddress.
func (c *Call) Peer() string { return c.PeerAddress }

// Caller returns CallerName.
func (c *Call) Caller() string { return c.CallerName }

// ClientCertificate returns Certificate.
func (c *Call) ClientCertificate() []byte { return c.Certificate }

// Authority returns AuthorityName.
func (c *Call) Authority() string { return c.AuthorityName }

// Chain returns Callers.
func (c *Call) Chain() []string { return c.Callers }

// AddHeader adds to Header.
func (c *Call) AddHeader(name, value string) error {
	c.Header.Append(name, value)
	return nil
}

// AddTrailer adds to Trailer.
func (c *Call) AddTrailer(name, value string) error {
	c.Trailer.Append(name, value)
	return nil
}

// Stream is what a handler with streams receives from and sends to, of any kind. Req or Res is any type where nothing goes.
type Stream[Req, Res any] struct {
	// Ctx is the context of the call.
	Ctx context.Context
	// Requests are still to be received.
	Requests []*Req
	// RecvErr is what ends the requests; nil is io.EOF.
	RecvErr error
	// Sent has the responses.
	Sent []*Res
	// SendErr is what the handler gets when it sends.
	SendErr error
}

// NewStream makes a stream with these requests.
func NewStream[Req, Res any](ctx context.Context, requests ...*Req) *Stream[Req, Res] {
	return &Stream[Req, Res]{Ctx: ctx, Requests: requests}
}

// Context gives Ctx.
func (s *Stream[Req, Res]) Context() context.Context { return s.Ctx }

// Recv gives the next of Requests.
func (s *Stream[Req, Res]) Recv() (*Req, error) {
	return next(s.Ctx, &s.Requests, s.RecvErr)
}

// Send adds to Sent.
func (s *Stream[Req, Res]) Send(res *Res) error {
	return add(s.Ctx, &s.Sent, res, s.SendErr)
}

// SendAll adds to Sent.
func (s *Stream[Req, Res]) SendAll(all []*Res) error {
	for _, res := range all {
		if err := s.Send(res); err != nil {
			return err
		}
	}
	return nil
}

// SendAndClose adds to Sent.
func (s *Stream[Req, Res]) SendAndClose(res *Res) error { return s.Send(res) }

// SetHeader adds to the headers of the call of Ctx.
func (s *Stream[Req, Res]) SetHeader(md metadata.MD) error {
	return okra.AddHeaders(okra.FromContext(s.Ctx), md)
}

// SendHeader adds to the headers of the call of Ctx.
func (s *Stream[Req, Res]) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

// SetTrailer adds to the trailers of the call of Ctx.
func (s *Stream[Req, Res]) SetTrailer(md metadata.MD) {
	_ = okra.AddTrailers(okra.FromContext(s.Ctx), md)
}

// ClientStream is a call with streams of any kind that a handler makes, answered by a test.
type ClientStream[Req, Res any] struct {
	// Ctx is the context of the call.
	Ctx context.Context
	// Responses are still to be received.
	Responses []*Res
	// RecvErr is what ends the responses; nil is io.EOF.
	RecvErr error
	// Sent has the requests.
	Sent []*Req
	// SendErr is what the handler gets when it sends.
	SendErr error
	// Headers and Trailers are what has come.
	Headers, Trailers metadata.MD
	// SendClosed says that no more requests follow, Closed that the handler has closed the call.
	SendClosed, Closed bool
}

// NewClientStream makes a call with these responses.
func NewClientStream[Req, Res any](ctx context.Context, responses ...*Res) *ClientStream[Req, Res] {
	return &ClientStream[Req, Res]{Ctx: ctx, Responses: responses}
}

// Context gives Ctx.
func (s *ClientStream[Req, Res]) Context() context.Context { return s.Ctx }

// Header gives Headers.
func (s *ClientStream[Req, Res]) Header() metadata.MD { return s.Headers }

// Trailer gives Trailers.
func (s *ClientStream[Req, Res]) Trailer() metadata.MD { return s.Trailers }

// Close sets Closed.
func (s *ClientStream[Req, Res]) Close() { s.Closed = true }

// Send adds to Sent.
func (s *ClientStream[Req, Res]) Send(req *Req) error {
	if s.Closed || s.SendClosed {
		return okra.Error(codes.Canceled, "the stream was closed")
	}
	return add(s.Ctx, &s.Sent, req, s.SendErr)
}

// SendAll adds to Sent.
func (s *ClientStream[Req, Res]) SendAll(all []*Req) error {
	for _, req := range all {
		if err := s.Send(req); err != nil {
			return err
		}
	}
	return nil
}

// CloseSend sets SendClosed.
func (s *ClientStream[Req, Res]) CloseSend() error {
	s.SendClosed = true
	return nil
}

// Recv gives the next of Responses.
func (s *ClientStream[Req, Res]) Recv() (*Res, error) {
	if s.Closed {
		return nil, okra.Error(codes.Canceled, "the stream was closed")
	}
	return next(s.Ctx, &s.Responses, s.RecvErr)
}

// CloseAndRecv sets SendClosed and gives the first of Responses.
func (s *ClientStream[Req, Res]) CloseAndRecv() (*Res, error) {
	s.SendClosed = true
	return s.Recv()
}

func next[T any](ctx context.Context, messages *[]*T, end error) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, okra.Convert(err)
	}
	if len(*messages) > 0 {
		message := (*messages)[0]
		*messages = (*messages)[1:]
		return message, nil
	}
	if end != nil {
		return nil, end
	}
	return nil, io.EOF
}

func add[T any](ctx context.Context, messages *[]*T, message *T, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return okra.Convert(ctxErr)
	}
	if err != nil {
		return err
	}
	*messages = append(*messages, message)
	return nil
}

func value[T any](pointer *T) (T, bool) {
	if pointer == nil {
		var none T
		return none, false
	}
	return *pointer, true
}
