// Package errdetails makes the details that errors usually carry: messages of google/rpc/error_details.proto, which clients
// of every language know.
//
//	wrong := &errdetails.BadRequest{}
//	wrong.Add("name", "must not be empty")
//	return nil, errdetails.With(okra.Error(codes.InvalidArgument, "the request has a mistake"), wrong)
package errdetails

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"okra"
)

// Message is one of the messages of this package.
type Message interface {
	// Detail gives it encoded.
	Detail() okra.Detail
}

// With gives the error with these details, too.
func With(err error, messages ...Message) error {
	if err == nil {
		return nil
	}
	status := okra.Convert(err)
	for _, message := range messages {
		status = status.With(message.Detail())
	}
	return status
}

// BadRequest says which fields of a request are wrong. It goes with INVALID_ARGUMENT.
type BadRequest struct {
	FieldViolations []*BadRequest_FieldViolation
}

// BadRequest_FieldViolation is a field that is wrong.
type BadRequest_FieldViolation struct {
	// Field is its path, such as lines[1].unit_price.
	Field string
	// Description says why, for people who develop.
	Description string
}

// Add adds a field that is wrong.
func (x *BadRequest) Add(field, description string) {
	violation := &BadRequest_FieldViolation{Field: field, Description: description}
	x.FieldViolations = append(x.FieldViolations, violation)
}

// Detail gives it encoded.
func (x *BadRequest) Detail() okra.Detail {
	var value []byte
	for _, violation := range x.FieldViolations {
		value = appendBytes(value, 1, pair(violation.Field, violation.Description))
	}
	return named("BadRequest", value)
}

// ErrorInfo says why a call failed, for programs.
type ErrorInfo struct {
	// Reason is the cause, such as CARD_EXPIRED; unique within the domain.
	Reason string
	// Domain is whose reason it is, such as billing.shop.example.
	Domain string
	// Metadata is what else there is to know.
	Metadata map[string]string
}

// Detail gives it encoded.
func (x *ErrorInfo) Detail() okra.Detail {
	value := pair(x.Reason, x.Domain)
	for _, name := range slices.Sorted(maps.Keys(x.Metadata)) {
		value = appendBytes(value, 3, pair(name, x.Metadata[name]))
	}
	return named("ErrorInfo", value)
}

// RetryInfo says when the call may be tried again. It goes with UNAVAILABLE and RESOURCE_EXHAUSTED.
type RetryInfo struct {
	// RetryDelay is how long to wait at least.
	RetryDelay time.Duration
}

// Detail gives it encoded.
func (x *RetryInfo) Detail() okra.Detail {
	delay := appendNumber(nil, 1, uint64(x.RetryDelay/time.Second))
	delay = appendNumber(delay, 2, uint64(x.RetryDelay%time.Second))
	return named("RetryInfo", appendBytes(nil, 1, delay))
}

func named(name string, value []byte) okra.Detail {
	return okra.Detail{TypeURL: "type.googleapis.com/google.rpc." + name, Value: value}
}

// pair encodes a message with two strings, fields 1 and 2.
func pair(first, second string) []byte {
	return appendBytes(appendBytes(nil, 1, []byte(first)), 2, []byte(second))
}

func appendBytes(message []byte, field uint64, value []byte) []byte {
	message = binary.AppendUvarint(message, field<<3|2)
	message = binary.AppendUvarint(message, uint64(len(value)))
	return append(message, value...)
}

func appendNumber(message []byte, field, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(message, field<<3), value)
}
