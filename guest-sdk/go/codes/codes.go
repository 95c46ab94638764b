// Package codes has gRPC's status codes: https://grpc.io/docs/guides/status-codes/
package codes

import "strconv"

// Code is a status code of gRPC, by its number.
type Code uint32

const (
	// OK is success. It is not the code of an error.
	OK Code = 0
	// Canceled: the call was cancelled, typically by the caller.
	Canceled Code = 1
	// Unknown: the error has no better code.
	Unknown Code = 2
	// InvalidArgument: the request is not valid, whatever the state of the system.
	InvalidArgument Code = 3
	// DeadlineExceeded: the deadline passed before the call finished.
	DeadlineExceeded Code = 4
	// NotFound: the requested entity does not exist.
	NotFound Code = 5
	// AlreadyExists: the entity to create exists already.
	AlreadyExists Code = 6
	// PermissionDenied: the caller is known and lacks the permission.
	PermissionDenied Code = 7
	// ResourceExhausted: a quota, a limit or memory is exhausted.
	ResourceExhausted Code = 8
	// FailedPrecondition: the system is not in the state that the call requires.
	FailedPrecondition Code = 9
	// Aborted: the call conflicts with another; the caller may retry at a higher level.
	Aborted Code = 10
	// OutOfRange: a value is past the valid range, and may become valid as the system changes.
	OutOfRange Code = 11
	// Unimplemented: the method is not implemented or not enabled.
	Unimplemented Code = 12
	// Internal: an invariant of the system is broken.
	Internal Code = 13
	// Unavailable: the service cannot be reached now; the caller may retry.
	Unavailable Code = 14
	// DataLoss: data is lost or corrupt and cannot be recovered.
	DataLoss Code = 15
	// Unauthenticated: the caller has no valid credentials.
	Unauthenticated Code = 16
)

var names = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
	"DataLoss", "Unauthenticated",
}

// String returns the name, such as NotFound.
func (c Code) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return "Code(" + strconv.FormatUint(uint64(c), 10) + ")"
}
