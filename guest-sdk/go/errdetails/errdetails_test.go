package errdetails_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"okra"
	"okra/codes"
	"okra/errdetails"
)

func TestDetailsAreWrittenAsProtobuf(t *testing.T) {
	wrong := &errdetails.BadRequest{}
	wrong.Add("a", "bc")
	info := &errdetails.ErrorInfo{Reason: "R", Domain: "D", Metadata: map[string]string{"k": "v"}}
	retry := &errdetails.RetryInfo{RetryDelay: 300*time.Second + 5}
	for _, test := range []struct {
		message errdetails.Message
		name    string
		want    string
	}{
		{wrong, "BadRequest", "\x0a\x07\x0a\x01a\x12\x02bc"},
		{info, "ErrorInfo", "\x0a\x01R\x12\x01D\x1a\x06\x0a\x01k\x12\x01v"},
		{retry, "RetryInfo", "\x0a\x05\x08\xac\x02\x10\x05"},
	} {
		detail := test.message.Detail()
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
