// Package link is between generated code and the host. It is not for use by services: it changes with what `okra generate`
// makes.
//
// Everything runs on one thread. While the host is asked for something nothing else runs; goroutines take turns where they
// wait, and where memory is allocated.
package link

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"okra"
	"okra/codes"
	"okra/metadata"
	"okra/protoimpl"
)

// Host is what the host offers, over its bindings.
type Host interface {
	// The call being served.
	okra.Call
	// Remaining is the time until its deadline.
	Remaining() (time.Duration, bool)
	// Cancelled returns true if no caller waits for the response any more.
	Cancelled() bool
	// Scope begins a scope for calls to other services.
	Scope() Scope
	// Unpin lets go of the memory of what the host has given.
	Unpin()
}

// Scope is how calls to other services leave while it lives.
type Scope interface {
	SetTimeout(time.Duration)
	AddMetadata(name, value string) error
	Headers() metadata.MD
	Trailers() metadata.MD
	Drop()
}

var (
	host    Host
	servers = map[string]any{}
	clients = map[string]any{}
	// inFlight counts what has come from the host and is not yet turned into Go's own values.
	inFlight int
	// scopes counts the scopes that live: a call that needs none must then have one, too, or it would use that of another call.
	scopes int
)

// SetHost says what the host is.
func SetHost(it Host) {
	host = it
}

// Register has a service served by srv.
func Register(service string, srv any) {
	servers[service] = srv
}

// Server gives what serves a service.
func Server[T any](service string) (T, error) {
	srv, ok := servers[service].(T)
	if !ok {
		return srv, okra.Errorf(codes.Unimplemented, "main registers no server of %s", service)
	}
	return srv, nil
}

// RegisterClient has a service called through client.
func RegisterClient(service string, client any) {
	clients[service] = client
}

// Client gives what a service is called through.
func Client[T any](service string) T {
	client, ok := clients[service].(T)
	if !ok {
		panic(fmt.Sprintf("okra: %s can be called from a component only; a test passes a client of its own", service))
	}
	return client
}

// Enter is called before something comes from the host, Leave when it is turned into Go's own values. Its memory is kept in
// between.
func Enter() {
	inFlight++
}

// Leave is the counterpart of [Enter].
func Leave() {
	inFlight--
	if inFlight == 0 {
		host.Unpin()
	}
}

// Served is the context of the call being served.
type Served struct {
	mutex sync.Mutex
	ended bool
	err   error
	// done is made when it is first asked for, as is the timer for the deadline.
	done     chan struct{}
	timer    *time.Timer
	after    map[*func()]struct{}
	deadline time.Time
	// asked says that the deadline was asked for, limited that there is one.
	asked, limited bool
	open           map[closer]struct{}
	// goroutines is how many there were at the beginning, turns how often those beyond had theirs at the end.
	goroutines, turns int
}

type closer interface{ Close() }

// Begin begins a call. End must end it.
func Begin() *Served {
	// Only here do finalizers get their turn, and goroutines that an earlier call has left.
	runtime.Gosched()
	host.Unpin()
	return &Served{goroutines: runtime.NumGoroutine()}
}

// End ends the call. What still runs for it finds its context done.
func (c *Served) End() {
	for stream := range c.open {
		stream.Close()
	}
	c.mutex.Lock()
	c.ended = true
	c.mutex.Unlock()
	c.finish(context.Canceled)
	// Goroutines that are left behind have their turn while it is this call whose time they take. One may also have been
	// interrupted over what has come from the host.
	for inFlight > 0 || runtime.NumGoroutine() > c.goroutines && c.turns < 4 {
		c.turns++
		runtime.Gosched()
	}
	host.Unpin()
}

func (c *Served) finish(err error) {
	c.mutex.Lock()
	if c.err != nil {
		c.mutex.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	after := c.after
	c.after = nil
	c.mutex.Unlock()
	for f := range after {
		go (*f)()
	}
}

// Deadline is that of the call.
func (c *Served) Deadline() (time.Time, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.until()
}

func (c *Served) until() (time.Time, bool) {
	if !c.asked && !c.ended {
		remaining, limited := host.Remaining()
		c.asked, c.limited = true, limited
		if limited {
			c.deadline = time.Now().Add(remaining)
		}
	}
	return c.deadline, c.limited
}

// watch has the deadline end the context by itself.
func (c *Served) watch() {
	if c.timer != nil || c.err != nil {
		return
	}
	if deadline, limited := c.until(); limited {
		c.timer = time.AfterFunc(time.Until(deadline), func() { c.finish(context.DeadlineExceeded) })
	}
}

// Done is closed at the deadline, and when the handler has returned.
func (c *Served) Done() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
		c.watch()
	}
	return c.done
}

// Err says why Done is closed.
func (c *Served) Err() error {
	c.mutex.Lock()
	err, ended := c.err, c.ended
	over := c.limited && !time.Now().Before(c.deadline)
	c.mutex.Unlock()
	switch {
	case err != nil || ended:
	case over:
		c.finish(context.DeadlineExceeded)
	case host.Cancelled():
		c.finish(context.Canceled)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err
}

// AfterFunc lets [context.WithCancel] and its kin follow this context without a goroutine.
func (c *Served) AfterFunc(f func()) func() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.watch()
	if c.after == nil {
		c.after = map[*func()]struct{}{}
	}
	c.after[&f] = struct{}{}
	return func() bool {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		_, there := c.after[&f]
		delete(c.after, &f)
		return there
	}
}

// servedKey finds the context of the call in those derived from it.
type servedKey struct{}

// Value has the call itself.
func (c *Served) Value(key any) any {
	switch key {
	case okra.CallKey(), metadata.IncomingKey():
		return call{c}
	case servedKey{}:
		return c
	}
	return nil
}

// String is what contexts derived from it print.
func (c *Served) String() string {
	return "okra.Call"
}

// call is the host as a call sees it. Of a call that has ended nothing is known: the host would speak of another.
type call struct{ context *Served }

func (c call) live() okra.Call {
	if c.context.ended {
		return okra.FromContext(context.Background())
	}
	return host
}

func (c call) Service() string                     { return c.live().Service() }
func (c call) Method() string                      { return c.live().Method() }
func (c call) Protocol() okra.Protocol             { return c.live().Protocol() }
func (c call) Codec() okra.Codec                   { return c.live().Codec() }
func (c call) Query() (string, bool)               { return c.live().Query() }
func (c call) Metadata() metadata.MD               { return c.live().Metadata() }
func (c call) Timeout() (time.Duration, bool)      { return c.live().Timeout() }
func (c call) Peer() string                        { return c.live().Peer() }
func (c call) Caller() string                      { return c.live().Caller() }
func (c call) ClientCertificate() []byte           { return c.live().ClientCertificate() }
func (c call) Authority() string                   { return c.live().Authority() }
func (c call) Chain() []string                     { return c.live().Chain() }
func (c call) AddHeader(name, value string) error  { return c.live().AddHeader(name, value) }
func (c call) AddTrailer(name, value string) error { return c.live().AddTrailer(name, value) }

// Catch makes an error of what generated code threw for want of another way.
func Catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case Thrown:
		*err = thrown.Err
	default:
		panic(thrown)
	}
}

// Thrown is an error on its way to [Catch].
type Thrown struct{ Err error }

// Throw throws an error, to be caught by [Catch].
func Throw(code codes.Code, format string, args ...any) {
	panic(Thrown{okra.Errorf(code, format, args...)})
}

// Decode reads a message that has come encoded, and throws what is wrong with it.
func Decode(encoded []byte, m protoimpl.Message) {
	if err := protoimpl.Unmarshal(encoded, m); err != nil {
		Throw(codes.Internal, "%v", err)
	}
}

// Encode encodes a message that leaves so, and throws what is wrong with it.
func Encode(m protoimpl.Message) []byte {
	encoded, err := protoimpl.Marshal(nil, m)
	if err != nil {
		Throw(codes.Internal, "%v", err)
	}
	return encoded
}
