package timestamppb_test

import (
	"testing"
	"time"

	"okra/timestamppb"
)

func TestTimesComeBack(t *testing.T) {
	for _, want := range []time.Time{
		time.Unix(0, 0),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 5, time.UTC),
	} {
		if got := timestamppb.New(want); !got.AsTime().Equal(want) || !got.IsValid() {
			t.Errorf("%v came back as %v", want, got)
		}
	}
	if (&timestamppb.Timestamp{Nanos: -1}).IsValid() || (*timestamppb.Timestamp)(nil).IsValid() {
		t.Error("what is no time is valid")
	}
}
