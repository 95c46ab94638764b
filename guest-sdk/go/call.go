package okra

import (
	"context"
	"time"

	"okra/codes"
	"okra/metadata"
)

// Protocol is the protocol by which a call reached the host. The set is open: a newer host may give other values.
type Protocol string

// The protocols that this version of the SDK knows.
const (
	GRPC    Protocol = "grpc"
	GRPCWeb Protocol = "grpc-web"
	Connect Protocol = "connect"
	// REST is JSON over HTTP, at a path of the method's google.api.http rule.
	REST Protocol = "rest"
	// Local is a call from another component of the host, through its typed import.
	Local Protocol = "local"
)

// Codec is the encoding of the messages between the client and the host. A handler gets typed messages in either case.
// The set is open: a newer host may give other values.
type Codec string

// The codecs that this version of the SDK knows.
const (
	Proto Codec = "proto"
	JSON  Codec = "json"
)

// Call is the call that is being served: what the caller sent beside the message, and the headers and trailers that leave
// beside the response.
//
// The deadline of the call is that of its context, and its context is done when the call is cancelled.
type Call interface {
	// Service returns the full name of the service, such as shop.billing.v1.Billing.
	Service() string
	// Method returns the name of the method, such as CreateInvoice.
	Method() string
	// Protocol returns the protocol by which the call reached the host.
	Protocol() Protocol
	// Codec returns the encoding of the messages between the client and the host.
	Codec() Codec
	// Query returns the raw query string of a call that came as HTTP GET (of protocol Connect or REST), without the "?"; ""
	// if the URL has none. False of any other call.
	Query() (string, bool)
	// Metadata returns the metadata of the request, without the headers of the protocol itself.
	Metadata() metadata.MD
	// Timeout returns the timeout that the caller sent; false if the caller sent none.
	Timeout() (time.Duration, bool)
	// Peer returns the network address of the client, such as 10.0.0.7:52100; "" of a local call.
	Peer() string
	// Caller returns the client's name in its certificate (mutual TLS), with its kind: the first URI of the subject's
	// alternative names, such as "uri:spiffe://example.com/billing", else the first DNS name, such as
	// "dns:billing.example.com". "" if the certificate has neither, if the server asked for none, and of a local call.
	Caller() string
	// ClientCertificate returns the client's certificate (mutual TLS), in DER; nil if the server asked for none, and of a
	// local call.
	ClientCertificate() []byte
	// Authority returns the name by which the client addressed the server; "" of a local call.
	Authority() string
	// Chain returns the full names of the services that the call passed through before this one, the first caller first;
	// empty if the caller is a client outside.
	Chain() []string
	// AddHeader adds a response header. Headers leave with the first message, or with the error if the call fails before
	// it. It fails if the headers have left already, the name or the value is not valid, or the name belongs to the
	// protocol.
	AddHeader(name, value string) error
	// AddTrailer adds a response trailer. Trailers leave at the end of the call, whether it succeeds or fails. It fails if
	// the name or the value is not valid, or the name belongs to the protocol.
	AddTrailer(name, value string) error
}

type served struct{}

// NewContext returns a context with a call. Handlers get one; package okra/okratest makes them for tests.
func NewContext(ctx context.Context, call Call) context.Context {
	return context.WithValue(context.WithValue(ctx, served{}, call), metadata.IncomingKey(), call)
}

// FromContext returns the call of a context. If the context has none, it returns a call without any properties, whose
// AddHeader and AddTrailer fail.
func FromContext(ctx context.Context) Call {
	if call, ok := ctx.Value(served{}).(Call); ok {
		return call
	}
	return none{}
}

// CallKey returns the key of the [Call] in a context. For package okra/link.
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
func (none) Caller() string                 { return "" }
func (none) ClientCertificate() []byte      { return nil }
func (none) Authority() string              { return "" }
func (none) Chain() []string                { return nil }
func (none) AddHeader(string, string) error { return notServing() }

func (none) AddTrailer(string, string) error { return notServing() }

func notServing() error {
	return Error(codes.FailedPrecondition, "the context belongs to no call")
}

// AddHeaders adds response headers to a call; see [Call].
func AddHeaders(call Call, md metadata.MD) error {
	return addAll(call.AddHeader, md)
}

// AddTrailers adds response trailers to a call; see [Call].
func AddTrailers(call Call, md metadata.MD) error {
	return addAll(call.AddTrailer, md)
}

func addAll(add func(name, value string) error, md metadata.MD) error {
	for name, values := range md {
		for _, value := range values {
			if err := add(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}
