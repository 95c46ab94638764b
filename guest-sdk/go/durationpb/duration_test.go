package durationpb_test

import (
	"math"
	"testing"
	"time"

	"okra/durationpb"
)

func TestDurationsComeBack(t *testing.T) {
	for _, d := range []time.Duration{0, 1, -1, time.Hour, -1500 * time.Millisecond, math.MaxInt64, math.MinInt64} {
		if got := durationpb.New(d); got.AsDuration() != d || !got.IsValid() {
			t.Errorf("%v came back as %v", d, got)
		}
	}
}

func TestWhatIsTooLongIsCut(t *testing.T) {
	for _, test := range []struct {
		seconds int64
		nanos   int32
		want    time.Duration
	}{
		{math.MaxInt64, 0, math.MaxInt64},
		{math.MinInt64, 0, math.MinInt64},
		{9223372036, 999999999, math.MaxInt64},
		{-9223372036, -999999999, math.MinInt64},
	} {
		if got := (&durationpb.Duration{Seconds: test.seconds, Nanos: test.nanos}).AsDuration(); got != test.want {
			t.Errorf("%v: got %v", test, got)
		}
	}
	if (*durationpb.Duration)(nil).IsValid() || (&durationpb.Duration{Seconds: 1, Nanos: -1}).IsValid() {
		t.Error("what is no duration is valid")
	}
}
