// OpenTelemetry's exporters of Go: a span by each of gRPC and HTTP, plain and with gzip, to the address in the arguments.
package main

import (
	"context"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ctx, address := context.Background(), os.Args[1]
	clients := map[string]otlptrace.Client{
		"grpc": otlptracegrpc.NewClient(otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure()),
		"grpc-gzip": otlptracegrpc.NewClient(
			otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"),
		),
		"http": otlptracehttp.NewClient(otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure()),
		"http-gzip": otlptracehttp.NewClient(
			otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure(),
			otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		),
	}
	for name, client := range clients {
		exporter, err := otlptrace.New(ctx, client)
		if err != nil {
			log.Fatal(name, ": ", err)
		}
		// Not in batches, so that an error of the exporter is known at once.
		provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
		_, span := provider.Tracer("test").Start(ctx, "go-"+name)
		span.SetAttributes(attribute.IntSlice("numbers", []int{1, 2, 3}))
		span.End()
		if err := provider.Shutdown(ctx); err != nil {
			log.Fatal(name, ": ", err)
		}
	}
}
