// A guest that answers with everything that the host says of a call.
package main

import (
	"context"
	"encoding/hex"
	"time"

	"okra"

	pb "surface/gen/test/surface/v1"
)

type surface struct{}

func (surface) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.CallDescription, error) {
	call := okra.FromContext(ctx)
	if err := call.AddHeader("x-header", "header"); err != nil {
		return nil, err
	}
	if err := call.AddTrailer("x-trailer", "trailer"); err != nil {
		return nil, err
	}
	deadline, limited := ctx.Deadline()
	description := &pb.CallDescription{
		Service:               call.Service(),
		Method:                call.Method(),
		Protocol:              string(call.Protocol()),
		Codec:                 string(call.Codec()),
		HasRemaining:          limited && time.Now().Before(deadline),
		HasPeer:               call.Peer() != "",
		CertificateBytes:      uint32(len(call.ClientCertificate())),
		Chain:                 call.Chain(),
		Cancelled:             ctx.Err() != nil,
		RefusesProtocolHeader: call.AddHeader("grpc-status", "0") != nil,
	}
	if query, ok := call.Query(); ok {
		description.GetQuery = &query
	}
	if timeout, ok := call.Timeout(); ok {
		milliseconds := timeout.Milliseconds()
		description.TimeoutMs = &milliseconds
	}
	if caller := call.Caller(); caller != "" {
		description.Caller = &caller
	}
	if authority := call.Authority(); authority != "" {
		description.Authority = &authority
	}
	description.Metadata = append(description.Metadata, call.Metadata().Get("x-word")...)
	for _, value := range call.Metadata().Get("x-word-bin") {
		description.Metadata = append(description.Metadata, hex.EncodeToString([]byte(value)))
	}
	return description, nil
}

func main() {
	pb.RegisterSurfaceServer(surface{})
}
