// Handlers as they are written for grpc-go, by the services of the guest in Python beside this one. Only their imports are
// OKRA's.
package main

import (
	hellov1 "grpcgo/gen/ported/hello/v1"
	routesv1 "grpcgo/gen/ported/routes/v1"

	documentsv1 "grpcgo/gen/ported/documents/v1"
)

func main() {
	hellov1.RegisterGreeterServer(&greeter{})
	routesv1.RegisterRouteGuideServer(newRouteGuide())
	documentsv1.RegisterDocumentsServer(&documents{})
}
