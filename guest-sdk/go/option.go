package okra

import "okra/metadata"

// CallOption is something that is wanted of a call to another service.
type CallOption interface {
	apply(*CallOptions)
}

// CallOptions is what the options of a call come to. For those who implement clients: the generated code, and tests.
type CallOptions struct {
	// Header is where response headers go, if anywhere.
	Header *metadata.MD
	// Trailer is where trailers go, if anywhere.
	Trailer *metadata.MD
}

// Options gives what options come to.
func Options(options []CallOption) CallOptions {
	var all CallOptions
	for _, option := range options {
		option.apply(&all)
	}
	return all
}

type option func(*CallOptions)

func (o option) apply(all *CallOptions) { o(all) }

// Header has the response headers of a unary call put into md, whether it succeeds or fails.
func Header(md *metadata.MD) CallOption {
	return option(func(all *CallOptions) { all.Header = md })
}

// Trailer has the trailers of a unary call put into md, whether it succeeds or fails.
func Trailer(md *metadata.MD) CallOption {
	return option(func(all *CallOptions) { all.Trailer = md })
}
