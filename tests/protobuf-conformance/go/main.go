// A guest that answers each message of protobuf's conformance suite with itself.
package main

import (
	"context"

	echov1 "conformance/gen/conformance/echo/v1"
	"conformance/gen/protobuf_test_messages/editions"
	editionsproto2 "conformance/gen/protobuf_test_messages/editions/proto2"
	editionsproto3 "conformance/gen/protobuf_test_messages/editions/proto3"
	"conformance/gen/protobuf_test_messages/proto2"
	"conformance/gen/protobuf_test_messages/proto3"
)

type echo struct{}

func (echo) Proto2(_ context.Context, req *proto2.TestAllTypesProto2) (*proto2.TestAllTypesProto2, error) {
	return req, nil
}

func (echo) Proto3(_ context.Context, req *proto3.TestAllTypesProto3) (*proto3.TestAllTypesProto3, error) {
	return req, nil
}

func (echo) EditionProto2(_ context.Context, req *editionsproto2.TestAllTypesProto2) (*editionsproto2.TestAllTypesProto2, error) {
	return req, nil
}

func (echo) EditionProto3(_ context.Context, req *editionsproto3.TestAllTypesProto3) (*editionsproto3.TestAllTypesProto3, error) {
	return req, nil
}

func (echo) Edition2023(_ context.Context, req *editions.TestAllTypesEdition2023) (*editions.TestAllTypesEdition2023, error) {
	return req, nil
}

func main() {
	echov1.RegisterEchoServer(echo{})
}
