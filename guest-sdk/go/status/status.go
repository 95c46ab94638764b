// Package status has the errors of calls, as google.golang.org/grpc/status has them. They are those of package okra: a handler
// returns either, and each reads the other.
package status

import (
	"errors"
	"fmt"

	"okra"
	"okra/anypb"
	"okra/codes"
	"okra/proto"
)

// Status is a code with a message and details. A nil pointer is [codes.OK].
type Status struct {
	status okra.Status
}

// New returns a status.
func New(code codes.Code, message string) *Status {
	return &Status{okra.Status{Code: code, Message: message}}
}

// Newf returns a status with a message that is formatted as by [fmt.Sprintf].
func Newf(code codes.Code, format string, args ...any) *Status {
	return New(code, fmt.Sprintf(format, args...))
}

// Error returns an error with a code; nil if the code is [codes.OK].
func Error(code codes.Code, message string) error {
	return okra.Error(code, message)
}

// Errorf returns an error with a code and a message that is formatted as by [fmt.Sprintf].
func Errorf(code codes.Code, format string, args ...any) error {
	return okra.Errorf(code, format, args...)
}

// Code returns the code of an error, as [okra.Code] does.
func Code(err error) codes.Code {
	return okra.Code(err)
}

// FromError returns the status of an error, and whether the error has one. An error without is UNKNOWN.
func FromError(err error) (*Status, bool) {
	var found *okra.Status
	return Convert(err), err == nil || errors.As(err, &found)
}

// Convert returns the status of an error; nil of nil. The error of a context has its code, another one is UNKNOWN.
func Convert(err error) *Status {
	if err == nil {
		return nil
	}
	return &Status{*okra.Convert(err)}
}

// FromContextError returns the status of an error of a context.
func FromContextError(err error) *Status {
	return Convert(err)
}

// Code returns the code.
func (s *Status) Code() codes.Code {
	if s == nil {
		return codes.OK
	}
	return s.status.Code
}

// Message returns the message.
func (s *Status) Message() string {
	if s == nil {
		return ""
	}
	return s.status.Message
}

// Err returns the status as an error; nil if the code is [codes.OK].
func (s *Status) Err() error {
	if s.Code() == codes.OK {
		return nil
	}
	status := s.status
	return &status
}

// String returns the code and the message.
func (s *Status) String() string {
	return fmt.Sprintf("rpc error: code = %s desc = %s", s.Code(), s.Message())
}

// WithDetails returns a copy of the status with further details. It fails if the code is [codes.OK], or a detail has no
// encoding.
func (s *Status) WithDetails(details ...proto.Message) (*Status, error) {
	if s.Code() == codes.OK {
		return nil, errors.New("status: no details with code OK")
	}
	with := s.status
	for _, detail := range details {
		encoded, err := anypb.New(detail)
		if err != nil {
			return nil, err
		}
		with = *with.With(okra.Detail{TypeURL: encoded.TypeUrl, Value: encoded.Value})
	}
	return &Status{with}, nil
}

// Details returns the details, each as the message that it is. In place of one whose type the project does not have is an error.
func (s *Status) Details() []any {
	if s == nil {
		return nil
	}
	details := make([]any, 0, len(s.status.Details))
	for _, detail := range s.status.Details {
		m, err := (&anypb.Any{TypeUrl: detail.TypeURL, Value: detail.Value}).UnmarshalNew()
		if err != nil {
			details = append(details, err)
			continue
		}
		details = append(details, m)
	}
	return details
}
