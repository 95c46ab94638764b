// Service bench.echo.v1.Echo, which the server on grpc-go has too.
package main

import (
	"context"
	"io"

	"okra"

	pb "echo/gen/bench/echo/v1"
)

type echo struct{}

func (echo) Small(_ context.Context, req *pb.Note) (*pb.Note, error) { return req, nil }

func (echo) Items(_ context.Context, req *pb.Basket) (*pb.Basket, error) { return req, nil }

func (echo) Bytes(_ context.Context, req *pb.Blob) (*pb.Blob, error) { return req, nil }

func (echo) Talk(stream okra.BidiStreamingServer[pb.Blob, pb.Blob]) error {
	for {
		blob, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = stream.Send(blob)
		}
		if err != nil {
			return err
		}
	}
}

func (echo) Feed(req *pb.FeedRequest, stream okra.ServerStreamingServer[pb.Blob]) error {
	blob := &pb.Blob{Data: make([]byte, req.Size)}
	for range req.Count {
		if err := stream.Send(blob); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	pb.RegisterEchoServer(echo{})
}
