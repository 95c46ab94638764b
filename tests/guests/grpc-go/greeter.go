package main

import (
	"context"
	"fmt"

	pb "grpcgo/gen/ported/hello/v1"

	"okra/codes"
	epb "okra/errdetails"
	"okra/grpc"
	"okra/metadata"
	"okra/status"
)

type greeter struct {
	pb.UnimplementedGreeterServer
}

func (s *greeter) SayHello(ctx context.Context, in *pb.HelloRequest) (*pb.HelloReply, error) {
	md, ok := metadata.FromIncomingContext(ctx)
	if !ok {
		return nil, status.Errorf(codes.DataLoss, "the call has no metadata")
	}
	if who := md.Get("x-who"); len(who) > 0 {
		if err := grpc.SetHeader(ctx, metadata.Pairs("x-checked", who[0])); err != nil {
			return nil, err
		}
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-checksum-bin", "\x01\x02", "x-retry", "false")); err != nil {
		return nil, err
	}
	switch in.GetName() {
	case "":
		return nil, status.Error(codes.InvalidArgument, "name must not be empty")
	case "nobody":
		return nil, status.Errorf(codes.NotFound, "%s is not here", in.Name)
	case "twice":
		st := status.New(codes.ResourceExhausted, "Greeted already.")
		ds, err := st.WithDetails(&epb.QuotaFailure{
			Violations: []*epb.QuotaFailure_Violation{{
				Subject:     fmt.Sprintf("name:%s", in.Name),
				Description: "one greeting for each name",
			}},
		})
		if err != nil {
			return nil, st.Err()
		}
		for _, d := range status.Convert(ds.Err()).Details() {
			if _, ok := d.(*epb.QuotaFailure); !ok {
				return nil, status.Errorf(codes.Internal, "unexpected detail %T", d)
			}
		}
		return nil, ds.Err()
	}
	return &pb.HelloReply{Message: "Hello, " + in.GetName() + "!"}, nil
}

func (s *greeter) SayHelloStreamReply(in *pb.HelloRequest, stream pb.Greeter_SayHelloStreamReplyServer) error {
	if err := stream.SetHeader(metadata.Pairs("x-early", "header")); err != nil {
		return err
	}
	defer stream.SetTrailer(metadata.Pairs("x-end", "trailer"))
	for i := range 3 {
		if err := stream.Send(&pb.HelloReply{Message: fmt.Sprintf("Hello number %d, %s!", i, in.Name)}); err != nil {
			return err
		}
	}
	return nil
}
