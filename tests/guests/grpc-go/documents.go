package main

import (
	"context"

	"grpcgo/gen/google/longrunning"
	pb "grpcgo/gen/ported/documents/v1"

	"okra/anypb"
	"okra/codes"
	"okra/proto"
	"okra/protojson"
	"okra/status"
)

type documents struct {
	pb.UnimplementedDocumentsServer
}

func (documents) Describe(ctx context.Context, node *pb.Node) (*pb.Description, error) {
	encoded, err := proto.Marshal(node)
	if err != nil {
		return nil, status.Convert(err).Err()
	}
	read := new(pb.Node)
	if err := proto.Unmarshal(encoded, read); err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{Multiline: true}.Marshal(read)
	if err != nil {
		return nil, err
	}
	again := new(pb.Node)
	if err := protojson.Unmarshal(text, again); err != nil {
		return nil, err
	}
	if !proto.Equal(again, node) {
		return nil, status.Error(codes.Internal, "the JSON is of another message")
	}
	return &pb.Description{Json: string(text), Nodes: count(read), Bytes: int32(len(encoded)), Node: read}, nil
}

func count(node *pb.Node) int32 {
	if node == nil {
		return 0
	}
	nodes := int32(1)
	for _, child := range node.Children {
		nodes += count(child)
	}
	for _, child := range node.ByName {
		nodes += count(child)
	}
	return nodes + count(node.GetOnly())
}

func (documents) Repack(ctx context.Context, packed *pb.Packed) (*pb.Packed, error) {
	again := &pb.Packed{}
	for _, item := range packed.Items {
		text, err := protojson.Marshal(item)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "%v", err)
		}
		again.Json = append(again.Json, string(text))
		m, err := item.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		if note, ok := m.(*pb.Note); ok {
			note.Text += "!"
		}
		packedAgain, err := anypb.New(m)
		if err != nil {
			return nil, err
		}
		again.Items = append(again.Items, packedAgain)
	}
	return again, nil
}

func (d documents) Begin(ctx context.Context, node *pb.Node) (*longrunning.Operation, error) {
	description, err := d.Describe(ctx, node)
	if err != nil {
		return nil, err
	}
	response, err := anypb.New(description)
	if err != nil {
		return nil, err
	}
	return &longrunning.Operation{
		Name: "operations/1", Done: true, Result: &longrunning.Operation_Response{Response: response},
	}, nil
}
