// A collector of OpenTelemetry that prints the names of what it is sent.
package main

import (
	"context"
	"fmt"

	logsv1 "otlp/gen/opentelemetry/proto/collector/logs/v1"
	metricsv1 "otlp/gen/opentelemetry/proto/collector/metrics/v1"
	tracev1 "otlp/gen/opentelemetry/proto/collector/trace/v1"
)

type traces struct{}

func (traces) Export(_ context.Context, req *tracev1.ExportTraceServiceRequest) (*tracev1.ExportTraceServiceResponse, error) {
	for _, resource := range req.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				fmt.Println("span", span.Name)
			}
		}
	}
	return &tracev1.ExportTraceServiceResponse{}, nil
}

type metrics struct{}

func (metrics) Export(_ context.Context, req *metricsv1.ExportMetricsServiceRequest) (*metricsv1.ExportMetricsServiceResponse, error) {
	for _, resource := range req.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, metric := range scope.Metrics {
				fmt.Println("metric", metric.Name)
			}
		}
	}
	return &metricsv1.ExportMetricsServiceResponse{}, nil
}

type logs struct{}

func (logs) Export(_ context.Context, req *logsv1.ExportLogsServiceRequest) (*logsv1.ExportLogsServiceResponse, error) {
	for _, resource := range req.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				fmt.Println("log", record.SeverityText)
			}
		}
	}
	return &logsv1.ExportLogsServiceResponse{}, nil
}

func main() {
	tracev1.RegisterTraceServiceServer(traces{})
	metricsv1.RegisterMetricsServiceServer(metrics{})
	logsv1.RegisterLogsServiceServer(logs{})
}
