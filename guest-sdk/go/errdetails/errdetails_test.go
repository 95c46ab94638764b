package errdetails_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"okra"
	"okra/codes"
	"okra/durationpb"
	"okra/errdetails"
	"okra/proto"
	"okra/status"
)

func TestDetailsAreWrittenAsProtobuf(t *testing.T) {
	wrong := &errdetails.BadRequest{}
	wrong.Add("a", "bc")
	info := &errdetails.ErrorInfo{Reason: "R", Domain: "D", Metadata: map[string]string{"k": "v"}}
	retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(300*time.Second + 5)}
	for _, test := range []struct {
		message proto.Message
		name    string
		want    string
	}{
		{wrong, "BadRequest", "\x0a\x07\x0a\x01a\x12\x02bc"},
		{info, "ErrorInfo", "\x0a\x01R\x12\x01D\x1a\x06\x0a\x01k\x12\x01v"},
		{retry, "RetryInfo", "\x0a\x05\x08\xac\x02\x10\x05"},
	} {
		detail := okra.Convert(errdetails.With(errors.New("broken"), test.message)).Details[0]
		if detail.TypeURL != "type.googleapis.com/google.rpc."+test.name || !bytes.Equal(detail.Value, []byte(test.want)) {
			t.Errorf("got %v %q", detail.TypeURL, detail.Value)
		}
	}
}

func TestAnyErrorTakesDetails(t *testing.T) {
	if err := errdetails.With(nil, &errdetails.RetryInfo{}); err != nil {
		t.Errorf("got %v of no error", err)
	}
	status := okra.Convert(errdetails.With(errors.New("broken"), &errdetails.RetryInfo{}))
	if status.Code != codes.Unknown || len(status.Details) != 1 {
		t.Errorf("got %v", status)
	}
}

func TestDetailsOfErrorsAreRead(t *testing.T) {
	wrong := &errdetails.BadRequest{}
	wrong.Add("a", "b")
	with, err := status.New(codes.InvalidArgument, "no").WithDetails(wrong, &errdetails.RetryInfo{})
	if err != nil {
		t.Fatal(err)
	}
	read, ok := status.FromError(with.Err())
	if !ok || len(read.Details()) != 2 {
		t.Fatalf("got %v", read.Details())
	}
	found, ok := read.Details()[0].(*errdetails.BadRequest)
	if !ok || found.GetFieldViolations()[0].GetField() != "a" {
		t.Errorf("got %v", read.Details()[0])
	}
	if found := errdetails.Of[*errdetails.BadRequest](with.Err()); len(found) != 1 || !proto.Equal(found[0], wrong) {
		t.Errorf("got %v", found)
	}
	if _, err := status.New(codes.OK, "").WithDetails(wrong); err == nil {
		t.Error("no error took details")
	}
	if status.Convert(nil).Code() != codes.OK || status.Convert(nil).Err() != nil {
		t.Error("no error is no OK")
	}
}
