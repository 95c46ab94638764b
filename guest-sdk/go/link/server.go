package link

import "context"

// ServerStream is what a handler with streams receives from and sends to, of any kind.
type ServerStream[Req, Res any] struct {
	served *Served
	recv   func() (*Req, error)
	send   func(*Res) error
	err    error
}

// NewServerStream makes one over its bindings. Where nothing is received, or sent, that is nil.
func NewServerStream[Req, Res any](
	served *Served, recv func() (*Req, error), send func(*Res) error,
) *ServerStream[Req, Res] {
	return &ServerStream[Req, Res]{served: served, recv: recv, send: send}
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
