package okra_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"okra"
	"okra/codes"
)

func TestCodesOfErrors(t *testing.T) {
	notFound := okra.Error(codes.NotFound, "no user u-1")
	for _, test := range []struct {
		err  error
		want codes.Code
	}{
		{nil, codes.OK},
		{okra.Error(codes.OK, "fine"), codes.OK},
		{notFound, codes.NotFound},
		{fmt.Errorf("while looking: %w", notFound), codes.NotFound},
		{errors.New("something else"), codes.Unknown},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{fmt.Errorf("waiting: %w", context.Canceled), codes.Canceled},
	} {
		if got := okra.Code(test.err); got != test.want {
			t.Errorf("%v: got %v, want %v", test.err, got, test.want)
		}
	}
	if notFound.Error() != "NotFound: no user u-1" {
		t.Errorf("got %v", notFound)
	}
	if err := okra.Error(codes.DeadlineExceeded, "late"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not the error of contexts", err)
	}
}

func TestDetailsAreAddedToACopy(t *testing.T) {
	original := okra.Convert(okra.Error(codes.Aborted, "busy"))
	with := original.With(okra.Detail{TypeURL: "a.example/b.C", Value: []byte{1}})
	if len(original.Details) != 0 || len(with.Details) != 1 || with.Code != codes.Aborted {
		t.Errorf("got %v and %v", original, with)
	}
}
