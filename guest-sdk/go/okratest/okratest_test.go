package okratest

import (
	"testing"
	"time"

	"okra"
)

func TestAHandlerReadsTheFieldsOfTheCall(t *testing.T) {
	ctx, call := NewContext(t.Context())
	read := okra.FromContext(ctx)
	if _, sent := read.Timeout(); read.Protocol() != okra.GRPC || read.Codec() != okra.Proto || sent {
		t.Errorf("got %v, %v, %v", read.Protocol(), read.Codec(), sent)
	}
	query, timeout := "message=x", time.Second
	call.Wire, call.RawQuery, call.SentTimeout = "quic", &query, &timeout
	call.CallerName, call.Certificate, call.AuthorityName = "spiffe://shop/billing", []byte{0x30}, "localhost"
	if got, _ := read.Query(); got != query {
		t.Errorf("got query %q", got)
	}
	if got, _ := read.Timeout(); got != timeout {
		t.Errorf("got timeout %v", got)
	}
	if read.Protocol() != okra.Protocol("quic") || read.Caller() != "spiffe://shop/billing" ||
		len(read.ClientCertificate()) != 1 || read.Authority() != "localhost" {
		t.Errorf("got %v, %v, %v, %v", read.Protocol(), read.Caller(), read.ClientCertificate(), read.Authority())
	}
}
