// Package metadata has gRPC's metadata: names with values, sent beside messages.
package metadata

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// MD maps names, in lower case, to their values in their order. Values of names that end in "-bin" are any bytes, without
// the base64 of the wire; the others are printable ASCII.
type MD map[string][]string

// Pairs makes metadata of names and values in turn. A name may come more than once.
//
// It panics when a value is missing.
func Pairs(kv ...string) MD {
	md := MD{}
	md.add(kv)
	return md
}

// New makes metadata of names with a value each.
func New(values map[string]string) MD {
	md := MD{}
	for name, value := range values {
		md.Append(name, value)
	}
	return md
}

// Join makes metadata of all values of some.
func Join(mds ...MD) MD {
	joined := MD{}
	for _, md := range mds {
		for name, values := range md {
			joined.Append(name, values...)
		}
	}
	return joined
}

// Get gives the values of a name, which may be in any case.
func (md MD) Get(name string) []string {
	return md[strings.ToLower(name)]
}

// Set replaces the values of a name. Without values it removes the name.
func (md MD) Set(name string, values ...string) {
	if len(values) == 0 {
		delete(md, strings.ToLower(name))
		return
	}
	md[strings.ToLower(name)] = values
}

// Append adds values to a name.
func (md MD) Append(name string, values ...string) {
	if len(values) > 0 {
		name = strings.ToLower(name)
		md[name] = append(md[name], values...)
	}
}

// Delete removes a name.
func (md MD) Delete(name string) {
	delete(md, strings.ToLower(name))
}

// Len gives the number of names.
func (md MD) Len() int {
	return len(md)
}

// Copy gives metadata of its own.
func (md MD) Copy() MD {
	copied := maps.Clone(md)
	for name, values := range copied {
		copied[name] = slices.Clone(values)
	}
	return copied
}

func (md MD) add(kv []string) {
	if len(kv)%2 != 0 {
		panic("metadata: a name without a value: " + kv[len(kv)-1])
	}
	for i := 0; i < len(kv); i += 2 {
		md.Append(kv[i], kv[i+1])
	}
}

type incoming struct{}

// IncomingKey returns the key under which a context has what knows the metadata of its call. For package okra.
func IncomingKey() any {
	return incoming{}
}

// FromIncomingContext returns the metadata of the request that is being served, which is the caller's own; false if the
// context belongs to no call.
func FromIncomingContext(ctx context.Context) (MD, bool) {
	call, ok := ctx.Value(incoming{}).(interface{ Metadata() MD })
	if !ok {
		return nil, false
	}
	return call.Metadata().Copy(), true
}

// ValueFromIncomingContext returns the values of a name in the metadata of the request.
func ValueFromIncomingContext(ctx context.Context, name string) []string {
	md, _ := FromIncomingContext(ctx)
	return md.Get(name)
}

// NewIncomingContext returns a context in which md is the metadata of the request. For tests.
func NewIncomingContext(ctx context.Context, md MD) context.Context {
	return context.WithValue(ctx, incoming{}, request(md))
}

type request MD

func (r request) Metadata() MD { return MD(r) }

type outgoing struct{}

// NewOutgoingContext gives a context whose calls to other services leave with this metadata, in place of what was there.
func NewOutgoingContext(ctx context.Context, md MD) context.Context {
	return context.WithValue(ctx, outgoing{}, md)
}

// AppendToOutgoingContext gives a context whose calls to other services leave with these names and values, too.
func AppendToOutgoingContext(ctx context.Context, kv ...string) context.Context {
	there, _ := FromOutgoingContext(ctx)
	md := MD{}
	if there != nil {
		md = there.Copy()
	}
	md.add(kv)
	return NewOutgoingContext(ctx, md)
}

// FromOutgoingContext gives the metadata with which calls leave. It is not to be changed.
func FromOutgoingContext(ctx context.Context) (MD, bool) {
	md, ok := ctx.Value(outgoing{}).(MD)
	return md, ok
}
