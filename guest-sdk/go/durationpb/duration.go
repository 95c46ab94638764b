// Package durationpb has google.protobuf.Duration.
package durationpb

import (
	"math"
	"time"
)

// Duration is a span of time, as seconds and nanoseconds of the same sign.
type Duration struct {
	// Seconds of it. Valid are some 10,000 years in either direction.
	Seconds int64
	// Nanos of it: -999,999,999 to 999,999,999.
	Nanos int32
}

// New makes a duration of Go's.
func New(d time.Duration) *Duration {
	return &Duration{Seconds: int64(d / time.Second), Nanos: int32(d % time.Second)}
}

// AsDuration gives it as Go's, of nil 0. What is longer than Go's can be, some 292 years, is cut to that.
func (x *Duration) AsDuration() time.Duration {
	seconds, nanos := x.GetSeconds(), int64(x.GetNanos())
	const most = int64(math.MaxInt64 / time.Second)
	if seconds > most || seconds < -most {
		if seconds < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	d := time.Duration(seconds) * time.Second
	sum := d + time.Duration(nanos)
	switch {
	case nanos > 0 && sum < d:
		return math.MaxInt64
	case nanos < 0 && sum > d:
		return math.MinInt64
	}
	return sum
}

// IsValid says whether it is a duration that protobuf allows.
func (x *Duration) IsValid() bool {
	const most = 315576000000
	return x != nil && x.Seconds >= -most && x.Seconds <= most && x.Nanos > -1e9 && x.Nanos < 1e9 &&
		(x.Seconds <= 0 || x.Nanos >= 0) && (x.Seconds >= 0 || x.Nanos <= 0)
}

// GetSeconds gives Seconds, of nil 0.
func (x *Duration) GetSeconds() int64 {
	if x == nil {
		return 0
	}
	return x.Seconds
}

// GetNanos gives Nanos, of nil 0.
func (x *Duration) GetNanos() int32 {
	if x == nil {
		return 0
	}
	return x.Nanos
}

// String gives it as Go writes durations.
func (x *Duration) String() string {
	return x.AsDuration().String()
}
