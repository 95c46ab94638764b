// The echo service on grpc-go: what guests in Go are compared with.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"

	pb "grpc-go/echov1"
)

type echo struct {
	pb.UnimplementedEchoServer
}

func (echo) Small(_ context.Context, req *pb.Note) (*pb.Note, error) { return req, nil }

func (echo) Items(_ context.Context, req *pb.Basket) (*pb.Basket, error) { return req, nil }

func (echo) Bytes(_ context.Context, req *pb.Blob) (*pb.Blob, error) { return req, nil }

func (echo) Talk(stream grpc.BidiStreamingServer[pb.Blob, pb.Blob]) error {
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

func (echo) Feed(req *pb.FeedRequest, stream grpc.ServerStreamingServer[pb.Blob]) error {
	blob := &pb.Blob{Data: make([]byte, req.Size)}
	for range req.Count {
		if err := stream.Send(blob); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterEchoServer(server, echo{})
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}
