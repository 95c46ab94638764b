package link

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"okra"
	"okra/codes"
	"okra/metadata"
	"okra/okratest"
)

// fake is a host that nobody is behind.
type fake struct {
	*okratest.Call
	remaining time.Duration
	cancelled bool
	said      []string
}

func (f *fake) Remaining() (time.Duration, bool) { return f.remaining, f.remaining != 0 }
func (f *fake) Cancelled() bool                  { return f.cancelled }
func (f *fake) Unpin()                           {}
func (f *fake) Scope() Scope                     { return fakeScope{f} }

type fakeScope struct{ of *fake }

func (s fakeScope) SetTimeout(d time.Duration) {
	s.of.said = append(s.of.said, "timeout "+strconv.FormatBool(d <= time.Minute))
}

func (s fakeScope) AddMetadata(name, value string) error {
	s.of.said = append(s.of.said, name+"="+value)
	return nil
}

func (s fakeScope) Headers() metadata.MD  { return metadata.Pairs("h", "1") }
func (s fakeScope) Trailers() metadata.MD { return metadata.Pairs("t", "2") }
func (s fakeScope) Drop()                 { s.of.said = append(s.of.said, "drop") }

func begin(t *testing.T) (*fake, *Served) {
	_, call := okratest.NewContext(t.Context())
	call.MethodName = "Hello"
	it := &fake{Call: call}
	SetHost(it)
	return it, Begin()
}

func TestTheContextEndsWithItsCall(t *testing.T) {
	_, call := begin(t)
	derived, cancel := context.WithCancel(call)
	defer cancel()
	told := okra.FromContext(derived)
	if call.Err() != nil || derived.Err() != nil || told.Method() != "Hello" {
		t.Fatal("the call has ended before its end")
	}
	call.End()
	<-derived.Done()
	if call.Err() != context.Canceled || derived.Err() != context.Canceled {
		t.Errorf("got %v, %v", call.Err(), derived.Err())
	}
	if told.Method() != "" || okra.FromContext(derived).Method() != "" {
		t.Error("of a call that has ended something is known")
	}
	if err := Invoke(call, nil, func() error { return nil }); okra.Code(err) != codes.Canceled {
		t.Errorf("a call of it gave %v", err)
	}
}

func TestTheDeadlineEndsTheContext(t *testing.T) {
	host, call := begin(t)
	host.remaining = time.Millisecond
	defer call.End()
	if _, limited := call.Deadline(); !limited {
		t.Fatal("there is no deadline")
	}
	derived, cancel := context.WithTimeout(call, time.Hour)
	defer cancel()
	<-derived.Done()
	if !errors.Is(derived.Err(), context.DeadlineExceeded) || !errors.Is(call.Err(), context.DeadlineExceeded) {
		t.Errorf("got %v, %v", derived.Err(), call.Err())
	}
}

func TestWhatTheHostCancelsIsCancelled(t *testing.T) {
	host, call := begin(t)
	defer call.End()
	done := call.Done()
	host.cancelled = true
	if call.Err() != context.Canceled {
		t.Errorf("got %v", call.Err())
	}
	<-done
}

func TestCallsLeaveAsTheirContextSays(t *testing.T) {
	host, call := begin(t)
	defer call.End()
	succeed := func() error { return nil }
	if err := Invoke(call, nil, succeed); err != nil || host.said != nil {
		t.Fatalf("a plain call needs nothing, got %v, %v", err, host.said)
	}
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(call, "a", "b"), time.Minute)
	defer cancel()
	var header, trailer metadata.MD
	err := Invoke(ctx, []okra.CallOption{okra.Header(&header), okra.Trailer(&trailer)}, succeed)
	if err != nil || !slices.Equal(host.said, []string{"timeout true", "a=b", "drop"}) {
		t.Errorf("got %v, %v", err, host.said)
	}
	if header.Get("h")[0] != "1" || trailer.Get("t")[0] != "2" {
		t.Errorf("got %v, %v", header, trailer)
	}
	cancel()
	if err := Invoke(ctx, nil, succeed); okra.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestStreamsThatAreLeftOpenEndWithTheCall(t *testing.T) {
	host, call := begin(t)
	dropped := 0
	open := func() (Operations[int, int], error) {
		recv := func() (*int, error) { return nil, io.EOF }
		return Operations[int, int]{Recv: recv, Drop: func() { dropped++ }}, nil
	}
	ended, err := Open(call, open)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ended.Recv(); err != io.EOF || dropped != 1 {
		t.Errorf("got %v, dropped %d", err, dropped)
	}
	left, err := Open(call, open)
	if err != nil {
		t.Fatal(err)
	}
	call.End()
	if _, err := left.Recv(); okra.Code(err) != codes.Canceled || dropped != 2 || scopes != 0 {
		t.Errorf("got %v, dropped %d, %d scopes, %v", err, dropped, scopes, host.said)
	}
	if left.Trailer().Get("t")[0] != "2" {
		t.Error("its trailers are lost")
	}
}

func TestAServerThatWasNotRegisteredIsUnimplemented(t *testing.T) {
	if _, err := Server[io.Reader]("a.B"); okra.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}
