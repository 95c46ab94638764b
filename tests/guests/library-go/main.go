// A guest that answers with what it was sent, in the shapes that public APIs have.
package main

import (
	"context"

	"okra/emptypb"

	pb "library/gen/test/library/v1"
)

type library struct{}

func (library) CreateBook(_ context.Context, req *pb.CreateBookRequest) (*pb.CreateBookRequest, error) {
	parent, bookID, requestID := req.Parent, req.BookId, req.RequestId
	res := grow(req, 2000)
	// The strings are on the stack while it grows.
	res.Parent, res.BookId, res.RequestId = parent, bookID, requestID
	return res, nil
}

func (library) CreateAddress(_ context.Context, req *pb.Address) (*pb.Address, error) {
	street, region := req.Street, req.Region
	res := grow(req, 2000)
	res.Street, res.Region = street, region
	return res, nil
}

func (library) CreateNumbers(_ context.Context, req *pb.Numbers) (*pb.Numbers, error) {
	return req, nil
}

func (library) DeleteBook(_ context.Context, _ *pb.DeleteBookRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// grow needs a deep stack, so that Go moves it and looks at every pointer in it.
//
//go:noinline
func grow[T any](value *T, depth int) *T {
	var room [64]byte
	if depth == 0 {
		return value
	}
	room[depth%len(room)] = byte(depth)
	if room[0] == 1 {
		return nil
	}
	return grow(value, depth-1)
}

func main() {
	pb.RegisterLibraryServer(library{})
}
