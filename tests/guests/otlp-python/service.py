"""A collector of OpenTelemetry that prints the names of what it is sent."""

import okra
from gen.opentelemetry.proto.collector.logs.v1 import ExportLogsServiceResponse, LogsService
from gen.opentelemetry.proto.collector.metrics.v1 import ExportMetricsServiceResponse, MetricsService
from gen.opentelemetry.proto.collector.trace.v1 import ExportTraceServiceResponse, TraceService


class Traces(TraceService):
    def export(self, request, context):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    print("span", span.name)
        return ExportTraceServiceResponse()


class Metrics(MetricsService):
    def export(self, request, context):
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    print("metric", metric.name)
        return ExportMetricsServiceResponse()


class Logs(LogsService):
    def export(self, request, context):
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    print("log", record.severity_text)
        return ExportLogsServiceResponse()


okra.export(Traces(), Metrics(), Logs())
