// Package codes has gRPC's status codes: https://grpc.io/docs/guides/status-codes/
package codes

import "strconv"

// Code is a status code of gRPC, by its number.
type Code uint32

const (
	// OK is success, of which no error is made.
	OK Code = 0
	// Canceled says that the call was cancelled, typically by the caller.
	Canceled Code = 1
	// Unknown is an error of which nothing better is known.
	Unknown Code = 2
	// InvalidArgument says that the request is wrong, whatever the state of the system.
	InvalidArgument Code = 3
	// DeadlineExceeded says that the deadline passed before the call could finish.
	DeadlineExceeded Code = 4
	// NotFound says that what was asked for is not there.
	NotFound Code = 5
	// AlreadyExists says that what was to be created is there already.
	AlreadyExists Code = 6
	// PermissionDenied says that the caller is known and may not do this.
	PermissionDenied Code = 7
	// ResourceExhausted says that a quota, a limit or memory is used up.
	ResourceExhausted Code = 8
	// FailedPrecondition says that the system is not in the state that the call needs.
	FailedPrecondition Code = 9
	// Aborted is a conflict with other calls; the call may be tried again at a higher level.
	Aborted Code = 10
	// OutOfRange says that the request is past the valid range, which may grow.
	OutOfRange Code = 11
	// Unimplemented says that the method is not implemented or not enabled.
	Unimplemented Code = 12
	// Internal says that an invariant of the system is broken.
	Internal Code = 13
	// Unavailable says that the service is not reachable now; the call may be tried again.
	Unavailable Code = 14
	// DataLoss says that data is lost or corrupt for good.
	DataLoss Code = 15
	// Unauthenticated says that the caller is not known.
	Unauthenticated Code = 16
)

var names = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
	"DataLoss", "Unauthenticated",
}

// String gives the name, such as NotFound.
func (c Code) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return "Code(" + strconv.FormatUint(uint64(c), 10) + ")"
}
