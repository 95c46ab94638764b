"""OpenTelemetry's own exporters against a collector that is a guest of each language: by gRPC, by HTTP with protobuf, and
each of them with gzip.

The exporters are those of Python and, in the program that the environment has as OTLP_CLIENT, those of Go. The HTTP paths
are those of `[[http.rules]]` in the guests' okra.toml, the descriptors those of PyPI's opentelemetry-proto.
"""

import importlib
import os
import subprocess

import pytest
from conftest import ROOT, Server
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc import Compression as GrpcCompression
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

GUESTS = ["tests/guests/otlp", "tests/guests/otlp-go", "tests/guests/otlp-python"]
SERVICES = ["trace.v1.trace_service", "metrics.v1.metrics_service", "logs.v1.logs_service"]
DESCRIPTORS = ROOT / "target/otlp/opentelemetry.binpb"


def write_descriptors():
    """Writes the descriptors of the collector's services with all that they import, if they differ from those there."""
    files = {}

    def add(file):
        for dependency in file.dependencies:
            add(dependency)
        files.setdefault(file.name, file)

    for service in SERVICES:
        add(importlib.import_module(f"opentelemetry.proto.collector.{service}_pb2").DESCRIPTOR)
    chosen = FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(chosen.file.add())
    encoded = chosen.SerializeToString(deterministic=True)
    if not DESCRIPTORS.is_file() or DESCRIPTORS.read_bytes() != encoded:
        DESCRIPTORS.parent.mkdir(parents=True, exist_ok=True)
        DESCRIPTORS.write_bytes(encoded)


def exporters(address: str):
    """The exporters of spans, metrics and logs by the names of their protocols."""
    for name, compression in [("grpc", GrpcCompression.NoCompression), ("grpc-gzip", GrpcCompression.Gzip)]:
        settings = {"endpoint": address, "insecure": True, "compression": compression, "timeout": 60}
        yield name, GrpcSpans(**settings), GrpcMetrics(**settings), GrpcLogs(**settings)
    for name, compression in [("http", HttpCompression.NoCompression), ("http-gzip", HttpCompression.Gzip)]:
        settings = {"compression": compression, "timeout": 60}
        url = f"http://{address}/v1"
        spans = HttpSpans(f"{url}/traces", **settings)
        yield name, spans, HttpMetrics(f"{url}/metrics", **settings), HttpLogs(f"{url}/logs", **settings)


@pytest.mark.parametrize("guest", GUESTS)
def test_exporters_reach_the_collector(guest):
    write_descriptors()
    server = Server(guest)
    expected = []
    for name, spans, metrics, logs in exporters(server.address):
        tracer = TracerProvider()
        tracer.add_span_processor(SimpleSpanProcessor(spans))
        with tracer.get_tracer("test").start_as_current_span(f"outer-{name}") as outer:
            outer.set_attribute("numbers", [1, 2, 3])
            with tracer.get_tracer("test").start_as_current_span(f"inner-{name}"):
                pass
        tracer.shutdown()
        meter = MeterProvider(metric_readers=[PeriodicExportingMetricReader(metrics)])
        meter.get_meter("test").create_counter(f"counter-{name}").add(1, {"key": "value"})
        meter.get_meter("test").create_histogram(f"histogram-{name}").record(1.5)
        assert meter.force_flush()
        meter.shutdown()
        records = LoggerProvider()
        records.add_log_record_processor(SimpleLogRecordProcessor(logs))
        logger = records.get_logger("test")
        logger.emit(severity_number=SeverityNumber.INFO, severity_text=f"text-{name}", body={"nested": [1, "two"]})
        records.shutdown()
        expected += [f"span inner-{name}", f"span outer-{name}", f"metric counter-{name}", f"metric histogram-{name}"]
        expected.append(f"log text-{name}")
    subprocess.run([os.environ["OTLP_CLIENT"], server.address], check=True, timeout=300)
    expected += [f"span go-{name}" for name in ("grpc", "grpc-gzip", "http", "http-gzip")]
    log = server.stop()
    assert [line for line in expected if line not in log] == [], log
