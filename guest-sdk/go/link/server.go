package link

import (
	"context"

	"okra"
	"okra/codes"
	"okra/metadata"
)

// ServerStream is what a handler with streams receives from and sends to, of any kind.
type ServerStream[Req, Res any] struct {
	served  *Served
	recv    func() (*Req, error)
	send    func(*Res) error
	sendAll func([]*Res) error
	err     error
	// reply is the response of a call with one.
	reply *Res
}

// NewServerStream makes one over its bindings. Where nothing is received, or sent, that is nil.
func NewServerStream[Req, Res any](
	served *Served, recv func() (*Req, error), send func(*Res) error, sendAll func([]*Res) error,
) *ServerStream[Req, Res] {
	return &ServerStream[Req, Res]{served: served, recv: recv, send: send, sendAll: sendAll}
}

// Batched makes a function that returns messages one by one of one that takes those from the host together that have come:
// read adds them, at least one unless it fails. An error follows the messages before it.
func Batched[T any](read func(add func(*T)) error) func() (*T, error) {
	var ahead []*T
	var err error
	add := func(message *T) { ahead = append(ahead, message) }
	return func() (*T, error) {
		if len(ahead) == 0 {
			if err == nil {
				err = read(add)
			}
			if len(ahead) == 0 {
				failed := err
				err = nil
				return nil, failed
			}
		}
		message := ahead[0]
		ahead[0] = nil
		ahead = ahead[1:]
		return message, nil
	}
}

// Context is that of the call.
func (s *ServerStream[Req, Res]) Context() context.Context {
	return s.served
}

// Recv waits for the next request.
func (s *ServerStream[Req, Res]) Recv() (*Req, error) {
	if s.served.ended {
		return nil, over()
	}
	if s.err != nil {
		return nil, s.err
	}
	req, err := s.recv()
	s.err = err
	return req, err
}

// Send sends a response.
func (s *ServerStream[Req, Res]) Send(res *Res) error {
	if s.served.ended {
		return over()
	}
	return s.send(res)
}

// SendAll sends responses in their order.
func (s *ServerStream[Req, Res]) SendAll(all []*Res) error {
	if s.served.ended {
		return over()
	}
	return s.sendAll(all)
}

// SendAndClose sets the response.
func (s *ServerStream[Req, Res]) SendAndClose(res *Res) error {
	if s.served.ended {
		return over()
	}
	if s.reply != nil {
		return okra.Error(codes.Internal, "the response is set already")
	}
	if res == nil {
		res = new(Res)
	}
	s.reply = res
	return nil
}

// Reply returns the response that the handler has set.
func (s *ServerStream[Req, Res]) Reply() (*Res, error) {
	if s.reply == nil {
		return nil, okra.Error(codes.Internal, "the handler has returned without an error and without SendAndClose")
	}
	return s.reply, nil
}

// SetHeader adds response headers.
func (s *ServerStream[Req, Res]) SetHeader(md metadata.MD) error {
	return okra.AddHeaders(call{s.served}, md)
}

// SendHeader adds response headers.
func (s *ServerStream[Req, Res]) SendHeader(md metadata.MD) error {
	return s.SetHeader(md)
}

// SetTrailer adds response trailers.
func (s *ServerStream[Req, Res]) SetTrailer(md metadata.MD) {
	_ = okra.AddTrailers(call{s.served}, md)
}
