package link

import (
	"context"
	"io"
	"time"

	"okra"
	"okra/codes"
	"okra/metadata"
)

// Invoke makes a unary call.
func Invoke(ctx context.Context, options []okra.CallOption, call func() error) error {
	scope, err := leave(ctx, len(options) > 0)
	if err != nil {
		return err
	}
	err = call()
	if scope == nil {
		return err
	}
	all := okra.Options(options)
	if all.Header != nil {
		*all.Header = scope.Headers()
	}
	if all.Trailer != nil {
		*all.Trailer = scope.Trailers()
	}
	drop(scope)
	return err
}

// leave has the next call leave as its context says, in a scope where that takes one.
func leave(ctx context.Context, wanted bool) (Scope, error) {
	served, _ := ctx.Value(servedKey{}).(*Served)
	if served != nil && served.ended {
		return nil, over()
	}
	if err := failed(ctx, served); err != nil {
		return nil, err
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	timeout, limited := sooner(ctx, served)
	if !wanted && len(md) == 0 && !limited && scopes == 0 {
		return nil, nil
	}
	scope := host.Scope()
	scopes++
	if limited {
		scope.SetTimeout(timeout)
	}
	for name, values := range md {
		for _, value := range values {
			if err := scope.AddMetadata(name, value); err != nil {
				drop(scope)
				return nil, okra.Convert(err)
			}
		}
	}
	return scope, nil
}

// failed says what a context that the handler has made says. Of the call being served the host says it itself, at the next
// call of it.
func failed(ctx context.Context, served *Served) error {
	if ctx == context.Context(served) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return okra.Convert(err)
	}
	return nil
}

// sooner gives the time that the context leaves to a call, when that is less than the call being served leaves anyway.
func sooner(ctx context.Context, served *Served) (time.Duration, bool) {
	if ctx == context.Context(served) {
		return 0, false
	}
	deadline, limited := ctx.Deadline()
	if !limited {
		return 0, false
	}
	if served != nil {
		if own, has := served.Deadline(); has && !deadline.Before(own) {
			return 0, false
		}
	}
	return max(time.Until(deadline), 0), true
}

func drop(scope Scope) {
	scope.Drop()
	scopes--
}

func over() error {
	return okra.Error(codes.Canceled, "the call being served has ended")
}

// Operations are those of a call with streams, over its bindings. Those that its kind does not have are nil.
type Operations[Req, Res any] struct {
	Send      func(*Req) error
	SendAll   func([]*Req) error
	CloseSend func() error
	Recv      func() (*Res, error)
	Finish    func() (*Res, error)
	Drop      func()
}

// ClientStream is a call with streams, of any kind.
type ClientStream[Req, Res any] struct {
	ctx     context.Context
	served  *Served
	scope   Scope
	of      Operations[Req, Res]
	err     error
	header  metadata.MD
	trailer metadata.MD
}

// Open makes a call with streams.
func Open[Req, Res any](
	ctx context.Context, open func() (Operations[Req, Res], error),
) (*ClientStream[Req, Res], error) {
	scope, err := leave(ctx, true)
	if err != nil {
		return nil, err
	}
	of, err := open()
	if err != nil {
		drop(scope)
		return nil, err
	}
	served, _ := ctx.Value(servedKey{}).(*Served)
	s := &ClientStream[Req, Res]{ctx: ctx, served: served, scope: scope, of: of}
	if served != nil {
		if served.open == nil {
			served.open = map[closer]struct{}{}
		}
		served.open[s] = struct{}{}
	}
	return s, nil
}

// Context is the one with which the call was made.
func (s *ClientStream[Req, Res]) Context() context.Context {
	return s.ctx
}

// ready says whether the stream can still be used.
func (s *ClientStream[Req, Res]) ready() error {
	if s.err == nil {
		if err := failed(s.ctx, s.served); err != nil {
			s.end(err)
		}
	}
	return s.err
}

// Send sends a request.
func (s *ClientStream[Req, Res]) Send(req *Req) error {
	if err := s.ready(); err != nil {
		return err
	}
	// The reason of the failure is the receiver's to learn, so the call goes on.
	return s.of.Send(req)
}

// SendAll sends requests in their order.
func (s *ClientStream[Req, Res]) SendAll(all []*Req) error {
	if err := s.ready(); err != nil {
		return err
	}
	return s.of.SendAll(all)
}

// CloseSend says that no more requests follow.
func (s *ClientStream[Req, Res]) CloseSend() error {
	if err := s.ready(); err != nil {
		return err
	}
	return s.of.CloseSend()
}

// Recv waits for the next response.
func (s *ClientStream[Req, Res]) Recv() (*Res, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	res, err := s.of.Recv()
	if err != nil {
		s.end(err)
	}
	return res, err
}

// CloseAndRecv says that no more requests follow, and waits for the response.
func (s *ClientStream[Req, Res]) CloseAndRecv() (*Res, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	res, err := s.of.Finish()
	if err == nil {
		s.end(io.EOF)
	} else {
		s.end(err)
	}
	return res, err
}

// Header has the response headers that have come.
func (s *ClientStream[Req, Res]) Header() metadata.MD {
	if s.scope != nil {
		return s.scope.Headers()
	}
	return s.header
}

// Trailer has the trailers, when the call has ended.
func (s *ClientStream[Req, Res]) Trailer() metadata.MD {
	if s.scope != nil {
		return s.scope.Trailers()
	}
	return s.trailer
}

// Close ends the call.
func (s *ClientStream[Req, Res]) Close() {
	s.end(okra.Error(codes.Canceled, "the stream was closed"))
}

func (s *ClientStream[Req, Res]) end(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	s.header, s.trailer = s.scope.Headers(), s.scope.Trailers()
	s.of.Drop()
	drop(s.scope)
	s.scope = nil
	if s.served != nil {
		delete(s.served.open, closer(s))
	}
}
