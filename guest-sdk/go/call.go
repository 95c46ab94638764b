package okra

import (
	"context"
	"time"

	"okra/codes"
	"okra/metadata"
)

// Protocol is how a call reached this process.
type Protocol string

// The protocols.
const (
	GRPC    Protocol = "grpc"
	GRPCWeb Protocol = "grpc-web"
	Connect Protocol = "connect"
	// Local is from another component, through its typed import.
	Local Protocol = "local"
)

// Codec is how messages are written on the wire. A handler sees typed messages in either case.
type Codec string

// The codecs.
const (
	Proto Codec = "proto"
	JSON  Codec = "json"
)

// Call is the call that is being served: what came with it, and what goes back beside the answer.
type Call interface {
	// Service is the full name of the service, such as shop.billing.v1.Billing.
	Service() string
	// Method is the name of the method, such as CreateInvoice.
	Method() string
	// Protocol is how the call came.
	Protocol() Protocol
	// Codec is how its messages are written.
	Codec() Codec
	// Query is the raw query string of a call that came as HTTP GET (Connect).
	Query() (string, bool)
	// Metadata is that of the request, without what belongs to the protocol itself.
	Metadata() metadata.MD
	// Timeout is the one that the caller sent. What is left of it is the deadline of the context.
	Timeout() (time.Duration, bool)
	// Peer is the network address of the client, such as 10.0.0.7:52100; empty of a local call.
	Peer() string
	// Authority is the name under which the client addressed the server.
	Authority() string
	// Chain has the full names of the services through which the call came, first caller first; empty for a call from
	// outside.
	Chain() []string
	// AddHeader adds a response header. Headers leave with the first message, or with the error when the call fails
	// before it. It fails when they have left, or a name or value cannot be sent.
	AddHeader(name, value string) error
	// AddTrailer adds a trailer, of a call that succeeds as of one that fails. It fails when it cannot be sent.
	AddTrailer(name, value string) error
}

type served struct{}

// NewContext gives a context of a call. Handlers get one; package okra/okratest makes them for tests.
func NewContext(ctx context.Context, call Call) context.Context {
	return context.WithValue(ctx, served{}, call)
}

// FromContext gives the call that a context belongs to. Of a context that belongs to none, it gives one of which nothing is
// known.
func FromContext(ctx context.Context) Call {
	if call, ok := ctx.Value(served{}).(Call); ok {
		return call
	}
	return none{}
}

// CallKey is the key under which a context has its [Call]. For the host's own contexts.
func CallKey() any {
	return served{}
}

type none struct{}

func (none) Service() string                { return "" }
func (none) Method() string                 { return "" }
func (none) Protocol() Protocol             { return Local }
func (none) Codec() Codec                   { return Proto }
func (none) Query() (string, bool)          { return "", false }
func (none) Metadata() metadata.MD          { return nil }
func (none) Timeout() (time.Duration, bool) { return 0, false }
func (none) Peer() string                   { return "" }
func (none) Authority() string              { return "" }
func (none) Chain() []string                { return nil }
func (none) AddHeader(string, string) error { return notServing() }

func (none) AddTrailer(string, string) error { return notServing() }

func notServing() error {
	return Error(codes.FailedPrecondition, "the context belongs to no call")
}
