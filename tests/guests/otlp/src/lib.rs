//! A collector of OpenTelemetry that prints the names of what it is sent.

okra_guest::generate!();

use okra_guest::Error;
use proto::opentelemetry::proto::collector::{logs, metrics, trace};

struct Collector;

impl trace::v1::TraceService for Collector {
    fn export(request: trace::v1::ExportTraceServiceRequest) -> Result<trace::v1::ExportTraceServiceResponse, Error> {
        for scope in request.resource_spans.iter().flat_map(|resource| &resource.scope_spans) {
            for span in &scope.spans {
                println!("span {}", span.name);
            }
        }
        Ok(trace::v1::ExportTraceServiceResponse::default())
    }
}

impl metrics::v1::MetricsService for Collector {
    fn export(
        request: metrics::v1::ExportMetricsServiceRequest,
    ) -> Result<metrics::v1::ExportMetricsServiceResponse, Error> {
        for scope in request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics) {
            for metric in &scope.metrics {
                println!("metric {}", metric.name);
            }
        }
        Ok(metrics::v1::ExportMetricsServiceResponse::default())
    }
}

impl logs::v1::LogsService for Collector {
    fn export(request: logs::v1::ExportLogsServiceRequest) -> Result<logs::v1::ExportLogsServiceResponse, Error> {
        for scope in request.resource_logs.iter().flat_map(|resource| &resource.scope_logs) {
            for record in &scope.log_records {
                println!("log {}", record.severity_text);
            }
        }
        Ok(logs::v1::ExportLogsServiceResponse::default())
    }
}

okra_guest::export!(Collector);
