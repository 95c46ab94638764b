// A guest that does everything wrong that a handler can do wrong.
package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"okra"
	"okra/codes"
	"okra/metadata"

	pb "faults/gen/test/faults/v1"
)

type faults struct {
	calls uint32
}

func (*faults) Echo(_ context.Context, req *pb.Payload) (*pb.Payload, error) {
	return req, nil
}

func (*faults) Panic(_ context.Context, req *pb.Payload) (*pb.Payload, error) {
	panic(req.Text)
}

func deeper(depth int) int {
	return deeper(depth+1) + depth
}

func (*faults) OverflowStack(context.Context, *pb.Payload) (*pb.Payload, error) {
	return &pb.Payload{Text: strings.Repeat("x", deeper(0))}, nil
}

func spin() {
	for {
	}
}

func (*faults) Spin(context.Context, *pb.Payload) (*pb.Payload, error) {
	spin()
	return nil, nil
}

func (*faults) Allocate(context.Context, *pb.Payload) (*pb.Payload, error) {
	var everything [][]byte
	for {
		everything = append(everything, make([]byte, 1<<20))
	}
}

func (*faults) AnswerTooMuch(context.Context, *pb.Payload) (*pb.Payload, error) {
	return &pb.Payload{Text: strings.Repeat("x", 5<<20)}, nil
}

func (*faults) Fail(_ context.Context, req *pb.Payload) (*pb.Payload, error) {
	return nil, &okra.Status{
		Code:     codes.FailedPrecondition,
		Message:  req.Text,
		Details:  []okra.Detail{{TypeURL: "type.googleapis.com/test.Detail", Value: []byte{1, 2, 3}}},
		Metadata: metadata.Pairs("x-why", "because"),
	}
}

func (*faults) Tell(ctx context.Context, _ *pb.Payload) (*pb.Seen, error) {
	call := okra.FromContext(ctx)
	_, limited := ctx.Deadline()
	names := slices.Sorted(maps.Keys(call.Metadata()))
	return &pb.Seen{Service: call.Service(), Method: call.Method(), Metadata: names, HasDeadline: limited}, nil
}

func (*faults) Say(ctx context.Context, req *pb.Payload) (*pb.Payload, error) {
	call := okra.FromContext(ctx)
	if err := call.AddHeader("x-header-bin", req.Text); err != nil {
		return nil, err
	}
	return req, call.AddTrailer("x-trailer", "said")
}

func (f *faults) Count(context.Context, *pb.Payload) (*pb.Counted, error) {
	f.calls++
	return &pb.Counted{Calls: f.calls}, nil
}

func (*faults) Exit(context.Context, *pb.Payload) (*pb.Payload, error) {
	os.Exit(3)
	return nil, nil
}

func (*faults) Print(_ context.Context, req *pb.Payload) (*pb.Payload, error) {
	_, err := os.Stdout.WriteString("\xff\xfe\x00 half of a line")
	return req, err
}

func (*faults) StartThreads(ctx context.Context, req *pb.Payload) (*pb.Payload, error) {
	if req.Text == "spin" {
		go spin()
		return req, nil
	}
	// These wait for what never comes, and for the end of the call.
	go func() { <-make(chan int) }()
	go func() {
		<-ctx.Done()
		// Of another call than the one that has ended nothing is told.
		if okra.FromContext(ctx).Method() != "" {
			panic("the context of a call that has ended knows another")
		}
	}()
	return &pb.Payload{Text: "started"}, nil
}

func (*faults) Sleep(_ context.Context, req *pb.Payload) (*pb.Payload, error) {
	time.Sleep(20 * time.Millisecond)
	return req, nil
}

func main() {
	pb.RegisterFaultsServer(&faults{})
}
