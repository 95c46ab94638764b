package okra

import "okra/metadata"

// CallOption is an option of a call to another service.
type CallOption interface {
	apply(*CallOptions)
}

// CallOptions are the options of a call together. For clients: those of the generated code, and those of tests.
type CallOptions struct {
	// Header receives the response headers, unless it is nil.
	Header *metadata.MD
	// Trailer receives the response trailers, unless it is nil.
	Trailer *metadata.MD
}

// Options returns options together.
func Options(options []CallOption) CallOptions {
	var all CallOptions
	for _, option := range options {
		option.apply(&all)
	}
	return all
}

type option func(*CallOptions)

func (o option) apply(all *CallOptions) { o(all) }

// Header stores the response headers of a unary call in md, whether the call succeeds or fails.
func Header(md *metadata.MD) CallOption {
	return option(func(all *CallOptions) { all.Header = md })
}

// Trailer stores the response trailers of a unary call in md, whether the call succeeds or fails.
func Trailer(md *metadata.MD) CallOption {
	return option(func(all *CallOptions) { all.Trailer = md })
}
