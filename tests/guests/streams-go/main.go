// A guest that streams in every shape, and calls itself so.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"okra"
	"okra/codes"

	pb "streams/gen/test/streams/v1"
)

type streams struct{}

func number(value uint64) *pb.Number {
	return &pb.Number{Value: value}
}

func (streams) Count(req *pb.Number, stream okra.ServerStreamingServer[pb.Number]) error {
	for value := range req.Value {
		if err := stream.Send(number(value + 1)); err != nil {
			return err
		}
	}
	return nil
}

// receiver is a stream of requests, whatever the response.
type receiver interface {
	Recv() (*pb.Number, error)
}

// each gives every request to a function, until the end.
func each(stream receiver, do func(*pb.Number) error) error {
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = do(req)
		}
		if err != nil {
			return err
		}
	}
}

func (streams) Sum(stream pb.Streams_SumServer) error {
	sum := number(0)
	err := each(stream, func(req *pb.Number) error {
		sum.Value += req.Value
		return nil
	})
	if err != nil {
		return err
	}
	return stream.SendAndClose(sum)
}

func (streams) Double(stream okra.BidiStreamingServer[pb.Number, pb.Number]) error {
	return each(stream, func(req *pb.Number) error { return stream.Send(number(req.Value * 2)) })
}

func (streams) Shout(stream okra.BidiStreamingServer[pb.Number, pb.Number]) error {
	return stream.SendAll([]*pb.Number{number(1), number(2), number(3)})
}

func (streams) Break(req *pb.Number, stream okra.ServerStreamingServer[pb.Number]) error {
	call := okra.FromContext(stream.Context())
	if err := call.AddHeader("x-early", "header"); err != nil {
		return err
	}
	if err := stream.Send(req); err != nil {
		return err
	}
	if call.AddHeader("x-late", "header") == nil {
		return okra.Error(codes.Internal, "headers can be set after the first message")
	}
	if err := stream.Send(number(req.Value + 1)); err != nil {
		return err
	}
	if err := call.AddTrailer("x-end", "trailer"); err != nil {
		return err
	}
	return okra.Error(codes.Aborted, "on purpose")
}

func (streams) Nothing(_ *pb.Number, stream okra.ServerStreamingServer[pb.Number]) error {
	call := okra.FromContext(stream.Context())
	if err := call.AddHeader("x-early", "header"); err != nil {
		return err
	}
	return call.AddTrailer("x-end", "trailer")
}

func (streams) Panic(stream okra.BidiStreamingServer[pb.Number, pb.Number]) error {
	if err := stream.Send(number(1)); err != nil {
		return err
	}
	panic("on purpose")
}

func (streams) Spin(_ *pb.Number, stream okra.ServerStreamingServer[pb.Number]) error {
	for stream.Send(number(0)) == nil {
	}
	for {
	}
}

func (streams) Until(stream okra.ClientStreamingServer[pb.Number, pb.Number]) error {
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return okra.Error(codes.OutOfRange, "none was over 10")
		}
		if err != nil {
			return err
		}
		if req.Value > 10 {
			return stream.SendAndClose(req)
		}
	}
}

// onward does the same by calls of the service above.
type onward struct {
	pb.UnimplementedOnwardServer
	streams pb.StreamsClient
}

func (o onward) Count(req *pb.Number, stream okra.ServerStreamingServer[pb.Number]) error {
	call, err := o.streams.Count(stream.Context(), req)
	if err != nil {
		return err
	}
	for {
		res, err := call.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = stream.Send(res)
		}
		if err != nil {
			return err
		}
	}
}

func (o onward) Sum(stream okra.ClientStreamingServer[pb.Number, pb.Number]) error {
	call, err := o.streams.Sum(stream.Context())
	if err != nil {
		return err
	}
	var all []*pb.Number
	err = each(stream, func(req *pb.Number) error {
		all = append(all, req)
		return nil
	})
	if err == nil {
		err = call.SendAll(all)
	}
	if err != nil {
		return err
	}
	sum, err := call.CloseAndRecv()
	if err != nil {
		return err
	}
	return stream.SendAndClose(sum)
}

func (o onward) Double(stream okra.BidiStreamingServer[pb.Number, pb.Number]) error {
	call, err := o.streams.Double(stream.Context())
	if err != nil {
		return err
	}
	err = each(stream, func(req *pb.Number) error {
		if err := call.Send(req); err != nil {
			return err
		}
		res, err := call.Recv()
		if err != nil {
			return err
		}
		return stream.Send(res)
	})
	if err != nil {
		return err
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	if _, err := call.Recv(); err != io.EOF {
		return okra.Error(codes.Internal, "more responses than requests")
	}
	return nil
}

func (o onward) Leave(ctx context.Context, req *pb.Number) (*pb.Number, error) {
	call, err := o.streams.Count(ctx, number(1<<63))
	if err != nil {
		return nil, err
	}
	defer call.Close()
	read := number(0)
	for ; read.Value < req.Value; read.Value++ {
		if _, err := call.Recv(); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func (o onward) Tell(ctx context.Context, req *pb.Number) (*pb.Told, error) {
	call, err := o.streams.Break(ctx, req)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for {
		res, err := call.Recv()
		if err != nil {
			status := okra.Convert(err)
			fmt.Fprintf(&text, "%s: %s", strings.ToUpper(status.Code.String()), status.Message)
			break
		}
		fmt.Fprintf(&text, "%d ", res.Value)
	}
	fmt.Fprintf(&text, ", %s, %s", call.Header().Get("x-early")[0], call.Trailer().Get("x-end")[0])
	return &pb.Told{Text: text.String()}, nil
}

func main() {
	pb.RegisterStreamsServer(streams{})
	pb.RegisterOnwardServer(onward{streams: pb.NewStreamsClient()})
}
