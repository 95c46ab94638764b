// Package timestamppb has google.protobuf.Timestamp.
package timestamppb

import "time"

// Timestamp is a point in time, as seconds and nanoseconds since the beginning of 1970 in UTC.
type Timestamp struct {
	// Seconds since 1970; negative before it. Valid ones lie in the years 1 to 9999.
	Seconds int64
	// Nanos of the second that has begun: 0 to 999,999,999.
	Nanos int32
}

// Now is the current time.
func Now() *Timestamp {
	return New(time.Now())
}

// New makes a timestamp of a time.
func New(t time.Time) *Timestamp {
	return &Timestamp{Seconds: t.Unix(), Nanos: int32(t.Nanosecond())}
}

// AsTime gives it as a time in UTC; of nil 1970.
func (x *Timestamp) AsTime() time.Time {
	return time.Unix(x.GetSeconds(), int64(x.GetNanos())).UTC()
}

// IsValid says whether it is a time that protobuf allows.
func (x *Timestamp) IsValid() bool {
	const first, last = -62135596800, 253402300799
	return x != nil && x.Seconds >= first && x.Seconds <= last && x.Nanos >= 0 && x.Nanos < 1e9
}

// GetSeconds gives Seconds, of nil 0.
func (x *Timestamp) GetSeconds() int64 {
	if x == nil {
		return 0
	}
	return x.Seconds
}

// GetNanos gives Nanos, of nil 0.
func (x *Timestamp) GetNanos() int32 {
	if x == nil {
		return 0
	}
	return x.Nanos
}

// String gives it as RFC 3339 has it.
func (x *Timestamp) String() string {
	return x.AsTime().Format(time.RFC3339Nano)
}
