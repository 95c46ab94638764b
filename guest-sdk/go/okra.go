// Package okra is what services for OKRA in Go are written with.
//
// A project has its messages and services in .proto files. `okra generate` makes Go of them in gen/, a package for each
// protobuf package, with the names that protoc-gen-go and protoc-gen-go-grpc would give. A service is a type with the
// methods of the generated interface, registered in main:
//
//	type greeter struct{}
//
//	func (greeter) Hello(ctx context.Context, req *greeterv1.HelloRequest) (*greeterv1.HelloReply, error) {
//		if req.Name == "" {
//			return nil, okra.Error(codes.InvalidArgument, "name must not be empty")
//		}
//		return &greeterv1.HelloReply{Message: "Hello, " + req.Name + "!"}, nil
//	}
//
//	func main() {
//		greeterv1.RegisterGreeterServer(greeter{})
//	}
//
// # What a handler can rely on
//
// main runs when an instance starts, before its first call, and returns. An instance serves one call at a time; what is
// kept in variables is seen by later calls of the same instance only, and the host may start and end instances at any
// time. Nothing that must last belongs there.
//
// A panic ends the call with INTERNAL and the instance with it, and so does os.Exit. What is printed goes to the host's
// log; [log/slog] writes to it with levels and fields. There are no files, no sockets, no environment and no arguments.
//
// Goroutines run while the handler waits for them, by a channel, a lock or [time.Sleep]. One that is left behind when the
// handler returns stands still until the next call of its instance; its context is done, and streams and calls of
// the call that has ended fail with CANCELLED.
//
// # Tests
//
// Handlers are plain Go: `go test` runs them on the machine at hand. Package okra/okratest has contexts and streams
// for that, and services that a handler calls are interfaces, for which a test passes its own.
package okra
