// A guest that answers each message with itself.
package main

import (
	"context"
	"encoding/json"
	"io"

	cv2 "corpus/gen/a/b/c/v2"
	"corpus/gen/class"
	knownv2p1beta3 "corpus/gen/corpus/known/v2p1beta3"
	"corpus/gen/corpus/recursion"
	scalarsv1 "corpus/gen/corpus/scalars/v1"
	shapesv1alpha "corpus/gen/corpus/shapes/v1alpha"
	"corpus/gen/pb"
	"corpus/gen/proto2only"
	mirrorv1 "corpus/gen/test/mirror/v1"
	recordv1beta1 "corpus/gen/type/list/record/v1beta1"
	"okra"
	"okra/emptypb"
	"okra/timestamppb"
)

type mirror struct{}

func each[T any](stream okra.BidiStreamingServer[T, T]) error {
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = stream.Send(message)
		}
		if err != nil {
			return err
		}
	}
}

func (mirror) Scalars(_ context.Context, req *scalarsv1.Scalars) (*scalarsv1.Scalars, error) {
	return req, nil
}

func (mirror) Shapes(_ context.Context, req *shapesv1alpha.Shapes) (*shapesv1alpha.Shapes, error) {
	return req, nil
}

func (mirror) Outer(_ context.Context, req *shapesv1alpha.Outer) (*shapesv1alpha.Outer, error) {
	return req, nil
}

func (mirror) Nothing(_ context.Context, req *shapesv1alpha.Shapes_Nothing) (*shapesv1alpha.Shapes_Nothing, error) {
	return req, nil
}

func (mirror) Known(_ context.Context, req *knownv2p1beta3.Known) (*knownv2p1beta3.Known, error) {
	return req, nil
}

func (mirror) Names(_ context.Context, req *recordv1beta1.Everything) (*recordv1beta1.Everything, error) {
	return req, nil
}

func (mirror) Node(_ context.Context, req *recursion.Node) (*recursion.Node, error) {
	return req, nil
}

func (mirror) A(_ context.Context, req *recursion.A) (*recursion.A, error) {
	return req, nil
}

func (mirror) Pair(_ context.Context, req *recursion.Pair) (*recursion.Pair, error) {
	return req, nil
}

func (mirror) Legacy(_ context.Context, req *proto2only.Legacy) (*proto2only.Legacy, error) {
	return req, nil
}

func (mirror) Clashing(_ context.Context, req *proto2only.Clashing) (*proto2only.Clashing, error) {
	return req, nil
}

func (mirror) Item(_ context.Context, req *cv2.Item) (*cv2.Item, error) {
	return req, nil
}

func (mirror) Bare(_ context.Context, req *pb.Bare) (*pb.Bare, error) {
	return req, nil
}

func (mirror) Keywords(_ context.Context, req *class.Keywords) (*class.Keywords, error) {
	return req, nil
}

func (mirror) Empty(_ context.Context, req *emptypb.Empty) (*emptypb.Empty, error) {
	return req, nil
}

func (mirror) Struct(_ context.Context, req *json.RawMessage) (*json.RawMessage, error) {
	return req, nil
}

func (mirror) Text(_ context.Context, req *string) (*string, error) {
	return req, nil
}

func (mirror) Mask(_ context.Context, req *[]string) (*[]string, error) {
	return req, nil
}

func (mirror) Time(_ context.Context, req *timestamppb.Timestamp) (*timestamppb.Timestamp, error) {
	return req, nil
}

func (mirror) Stream(stream okra.BidiStreamingServer[shapesv1alpha.Shapes, shapesv1alpha.Shapes]) error {
	return each(stream)
}

func (mirror) Values(stream okra.BidiStreamingServer[json.RawMessage, json.RawMessage]) error {
	return each(stream)
}

func (mirror) Ticks(stream okra.BidiStreamingServer[emptypb.Empty, emptypb.Empty]) error {
	return each(stream)
}

func main() {
	mirrorv1.RegisterMirrorServer(mirror{})
}
