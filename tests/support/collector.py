"""A collector that receives OTLP over HTTP and stores spans, log entries and metrics."""

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_KEPT = 20_000


@dataclass(frozen=True)
class Span:
    trace_id: str
    name: str
    process: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A log entry."""

    process: str
    event: str
    severity: str
    trace_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """A value of a metric; `data` is the point as received."""

    process: str
    name: str
    kind: str
    labels: Mapping[str, str]
    data: Any


@dataclass
class Collector:
    """A collector; it refuses requests while `status` is another one than 200, and responds while `responds` is set."""

    url: str
    status: int = 200
    refused: int = 0
    spans: list[Span] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    responds: Event = field(default_factory=Event)

    def of(self, trace_id: str) -> list[Span]:
        return [span for span in self.spans if span.trace_id == trace_id]

    def take(self, path: str, body: bytes) -> None:
        {"/v1/traces": self._take_spans, "/v1/logs": self._take_entries, "/v1/metrics": self._take_points}[path](body)
        for received in (self.spans, self.entries, self.points, self.headers):  # a platform of the whole run fills the memory
            del received[:-_KEPT]

    def _take_spans(self, body: bytes) -> None:
        for told in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in told.scope_spans:
                for span in scope.spans:
                    attributes = {item.key: item.value.string_value for item in span.attributes}
                    self.spans.append(Span(span.trace_id.hex(), span.name, _process(told), attributes))

    def _take_entries(self, body: bytes) -> None:
        for told in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in told.scope_logs:
                for record in scope.log_records:
                    attributes = {item.key: _value(item.value) for item in record.attributes}
                    trace_id = record.trace_id.hex()
                    self.entries.append(
                        Entry(_process(told), record.body.string_value, record.severity_text, trace_id, attributes)
                    )

    def _take_points(self, body: bytes) -> None:
        for told in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in told.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data") or ""
                    for point in getattr(metric, kind).data_points:
                        labels = {item.key: item.value.string_value for item in point.attributes}
                        self.points.append(Point(_process(told), metric.name, kind, labels, point))


def _process(told: Any) -> str:
    return str({item.key: item.value.string_value for item in told.resource.attributes}.get("service.name", ""))


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def collecting() -> Iterator[Collector]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            collector.responds.wait()
            status = collector.status
            if status == 200:
                collector.take(self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            else:
                collector.refused += 1
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    collector.responds.set()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.responds.set()
        server.shutdown()
        server.server_close()
        thread.join()
