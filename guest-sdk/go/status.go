package okra

import (
	"context"
	"errors"
	"fmt"

	"okra/codes"
	"okra/metadata"
)

// Status is an error with gRPC's model: what a handler that fails returns, and a call that fails has returned.
type Status struct {
	// Code is the kind of the error.
	Code codes.Code
	// Message is for people who develop; not to be parsed.
	Message string
	// Details are for programs. Package okra/errdetails makes the usual ones.
	Details []Detail
	// Metadata is sent, or came, as trailers of the error.
	Metadata metadata.MD
}

// Detail is one of the typed details of an error: a google.protobuf.Any.
type Detail struct {
	// TypeURL says what Value is, such as type.googleapis.com/google.rpc.BadRequest.
	TypeURL string
	// Value is the protobuf encoding of the message.
	Value []byte
}

// Error makes an error of a code. Of [codes.OK] it makes none.
func Error(code codes.Code, message string) error {
	if code == codes.OK {
		return nil
	}
	return &Status{Code: code, Message: message}
}

// Errorf makes an error of a code, whose message is formatted as by [fmt.Sprintf].
func Errorf(code codes.Code, format string, args ...any) error {
	return Error(code, fmt.Sprintf(format, args...))
}

// Code gives the code of an error: of a [Status] within it its own, of what a context says DEADLINE_EXCEEDED or CANCELLED,
// of others UNKNOWN, of nil OK.
func Code(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return Convert(err).Code
}

// Convert gives an error as a status, by the rules of [Code]. Of nil it gives nil.
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

// Error gives code and message.
func (s *Status) Error() string {
	return s.Code.String() + ": " + s.Message
}

// With gives the status with these details, too.
func (s *Status) With(details ...Detail) *Status {
	with := *s
	with.Details = append(s.Details[:len(s.Details):len(s.Details)], details...)
	return &with
}

// Is lets [errors.Is] find what a context says, too.
func (s *Status) Is(target error) bool {
	return s.Code == codes.DeadlineExceeded && target == context.DeadlineExceeded ||
		s.Code == codes.Canceled && target == context.Canceled
}
