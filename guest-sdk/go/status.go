package okra

import (
	"context"
	"errors"
	"fmt"

	"okra/codes"
	"okra/metadata"
)

// Status is the error of a call, after gRPC's status model. Handlers return it, and so do calls of other services.
type Status struct {
	// Code is the kind of the error.
	Code codes.Code
	// Message is text for developers, which the caller sees; programs must not parse it.
	Message string
	// Details are typed details, for programs. Package okra/errdetails has the common ones.
	Details []Detail
	// Metadata has the trailers of the error.
	Metadata metadata.MD
}

// Detail is a typed detail of an error: a google.protobuf.Any.
type Detail struct {
	// TypeURL is the type of the message in Value, such as type.googleapis.com/google.rpc.BadRequest.
	TypeURL string
	// Value is the protobuf encoding of the message.
	Value []byte
}

// Error returns an error with a code; nil if the code is [codes.OK].
func Error(code codes.Code, message string) error {
	if code == codes.OK {
		return nil
	}
	return &Status{Code: code, Message: message}
}

// Errorf returns an error with a code and a message that is formatted as by [fmt.Sprintf].
func Errorf(code codes.Code, format string, args ...any) error {
	return Error(code, fmt.Sprintf(format, args...))
}

// Code returns the code of an error: that of the [Status] it wraps, DEADLINE_EXCEEDED or CANCELLED of an error of a
// context, OK of nil, and UNKNOWN of any other error.
func Code(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return Convert(err).Code
}

// Convert returns an error as a status, by the rules of [Code]; nil of nil.
func Convert(err error) *Status {
	var status *Status
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return status
	case errors.Is(err, context.DeadlineExceeded):
		return &Status{Code: codes.DeadlineExceeded, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Status{Code: codes.Canceled, Message: err.Error()}
	}
	return &Status{Code: codes.Unknown, Message: err.Error()}
}

// Error returns the code and the message.
func (s *Status) Error() string {
	return s.Code.String() + ": " + s.Message
}

// With returns a copy of the status with further details.
func (s *Status) With(details ...Detail) *Status {
	with := *s
	with.Details = append(s.Details[:len(s.Details):len(s.Details)], details...)
	return &with
}

// Is makes [errors.Is] match the errors of contexts with the same meaning.
func (s *Status) Is(target error) bool {
	return s.Code == codes.DeadlineExceeded && target == context.DeadlineExceeded ||
		s.Code == codes.Canceled && target == context.Canceled
}
