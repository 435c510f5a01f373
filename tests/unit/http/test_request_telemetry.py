"""Metrics and trace context of requests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import trace
from starlette.types import Message, Receive, Scope, Send

from echo_common.http.request_telemetry import RequestTelemetry
from echo_common.metrics import Metrics
from echo_common.tracing import current_trace_id, current_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Route:
    path: str


@dataclass
class Exchange:
    """An app behind the middleware that records the current trace."""

    status: int = 200
    route: str | None = "/jobs/{job_id}"
    error: Exception | None = None
    metrics: Metrics = field(default_factory=Metrics)
    traceparent: str | None = None
    path: str = "/jobs/job_1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    client_trace_ratio: float | None = None
    after_start: Callable[[], object] = lambda: None
    sent: list[Message] = field(default_factory=list)

    async def request(self, method: str = "GET", *, trace_response: bool = True, **headers: str) -> dict[str, str]:
        """Send a request; return the headers of the response."""
        app = RequestTelemetry(
            self._serve,
            service="test",
            metrics=self.metrics,
            max_body=1000,
            trace_response=trace_response,
            client_trace_ratio=self.client_trace_ratio,
        )
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {"type": "http", "method": method, "path": self.path, "headers": raw, "query_string": b""}
        await app(scope, self._receive, self._send)
        return {name.decode(): value.decode() for name, value in self.sent[-2]["headers"]}

    async def _serve(self, scope: Scope, _: Receive, send: Send) -> None:
        self.traceparent = current_traceparent()
        if self.route is not None:
            scope["route"] = Route(self.route)
        if self.error is not None:
            raise self.error
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        self.after_start()
        await send({"type": "http.response.body", "body": b""})

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def count(self, **labels: Any) -> float | None:
        labels = {"service": "test", "method": "GET", "route": "/jobs/{job_id}", "status_class": "2xx"} | labels
        return self.metrics.registry.get_sample_value("http_server_request_duration_seconds_count", labels)


async def test_requests_are_measured_by_route_template_and_class_of_the_status() -> None:
    exchange = Exchange()
    await exchange.request()
    exchange.status = 404
    await exchange.request()
    assert exchange.count() == exchange.count(status_class="4xx") == 1
    value = exchange.metrics.registry.get_sample_value
    assert value("http_server_responses_total", {"service": "test", "status": "404"}) == 1
    assert value("http_server_active_requests", {"service": "test"}) == 0


async def test_requests_are_counted_beyond_the_number_of_series_kept_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_common.http.request_telemetry._MOST_SERIES", 2)
    statuses = iter([200, 201, 404, 200, 500, 404])
    metrics = Metrics()

    async def serve(scope: Scope, _: Receive, send: Send) -> None:
        scope["route"] = Route("/jobs")
        await send({"type": "http.response.start", "status": next(statuses), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def drop(_: Message) -> None:
        pass

    app = RequestTelemetry(serve, service="test", metrics=metrics, max_body=1000)
    for _ in range(6):
        await app({"type": "http", "method": "GET", "path": "/jobs", "headers": []}, Exchange()._receive, drop)
        assert len(app._series) <= 2
    value = metrics.registry.get_sample_value
    counted = {status: value("http_server_responses_total", {"service": "test", "status": status}) for status in ("200", "404")}
    assert counted == {"200": 2, "404": 2}


async def test_unhandled_errors_are_measured_as_server_errors() -> None:
    exchange = Exchange(error=ValueError("no"))
    await exchange.request()
    assert exchange.count(status_class="5xx") == 1


@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/metrics"])
async def test_probes_are_not_measured_as_requests(path: str) -> None:
    exchange = Exchange(status=503, path=path, route=path)
    await exchange.request()
    assert exchange.count(route=path, status_class="5xx") is None
    assert (
        exchange.metrics.registry.get_sample_value("http_server_responses_total", {"service": "test", "status": "503"}) is None
    )


@pytest.mark.parametrize(("headers", "seconds"), [([], 1), ([(b"content-length", b"0")], 60)])
async def test_only_streams_are_measured_to_their_start(
    headers: list[tuple[bytes, bytes]], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("echo_common.http.request_telemetry.time.perf_counter", lambda: clock[0])
    exchange = Exchange(headers=headers)
    serve = exchange._serve

    async def serve_slowly(scope: Scope, receive: Receive, send: Send) -> None:
        clock[0] += 1
        await serve(scope, receive, send)

    monkeypatch.setattr(exchange, "_serve", serve_slowly)
    monkeypatch.setattr(exchange, "after_start", lambda: clock.__setitem__(0, clock[0] + 59))
    await exchange.request()
    labels = {"service": "test", "method": "GET", "route": "/jobs/{job_id}", "status_class": "2xx"}
    assert exchange.metrics.registry.get_sample_value("http_server_request_duration_seconds_sum", labels) == seconds


@pytest.mark.parametrize(
    ("ratio", "sent", "flag"), [(0.0, "01", "00"), (1.0, "00", "01"), (None, "01", "01"), (None, "00", "00")]
)
async def test_clients_decide_only_with_trust_whether_their_trace_is_recorded(
    ratio: float | None, sent: str, flag: str
) -> None:
    exchange = Exchange(client_trace_ratio=ratio)
    headers = await exchange.request(traceparent=f"00-{TRACE}-b7ad6b7169203331-{sent}")
    assert headers["x-trace-id"] == TRACE
    assert headers["traceresponse"].endswith(f"-{flag}")


async def test_methods_and_paths_of_clients_never_become_labels() -> None:
    exchange = Exchange(route=None)
    for number in range(3):
        await exchange.request(f"ATTACK{number}")
    assert exchange.count(method="_OTHER", route="unmatched") == 3
    text = (await exchange.metrics.exposition()).decode()
    assert "ATTACK" not in text
    assert "job_1" not in text


async def test_responses_name_the_trace_of_the_request() -> None:
    exchange = Exchange()
    headers = await exchange.request(traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    assert headers["x-trace-id"] == TRACE
    assert headers["traceresponse"] == exchange.traceparent
    assert exchange.traceparent is not None
    assert exchange.traceparent.startswith(f"00-{TRACE}-")


@pytest.mark.parametrize("traceparent", ["", "no", f"00-{TRACE}", f"00-{'0' * 32}-{'0' * 16}-01", "00-" + "z" * 52])
async def test_a_request_without_a_valid_trace_starts_one(traceparent: str) -> None:
    exchange = Exchange()
    first = await exchange.request(traceparent=traceparent)
    second = await exchange.request(traceparent=traceparent)
    assert first["x-trace-id"] != second["x-trace-id"]
    assert int(first["x-trace-id"], 16) > 0
    assert len(first["x-trace-id"]) == 32
    assert exchange.traceparent == second["traceresponse"]


async def test_only_public_services_name_the_trace() -> None:
    assert not {"traceresponse", "x-trace-id"} & (await Exchange().request(trace_response=False)).keys()


async def test_the_trace_ends_with_the_request() -> None:
    await Exchange().request()
    assert current_trace_id() is None
    assert not trace.get_current_span().get_span_context().is_valid


async def test_websocket_connections_are_measured_and_continue_a_trace() -> None:
    exchange, sent = Exchange(), list[Message]()
    seen: list[str | None] = []

    async def relay(scope: Scope, _: Receive, send: Send) -> None:
        scope["route"] = Route("/ws/{room}")
        seen.append(current_trace_id())
        await send({"type": "websocket.accept", "headers": []})
        await send({"type": "websocket.close", "code": 1000})

    async def send(message: Message) -> None:
        sent.append(message)

    app = RequestTelemetry(relay, service="test", metrics=exchange.metrics, max_body=1000, trace_response=True)
    headers = [(b"traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
    await app({"type": "websocket", "path": "/ws/1", "headers": headers, "query_string": b""}, exchange._receive, send)
    assert seen == [TRACE]
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert exchange.count(method="WEBSOCKET", route="/ws/{room}", status_class="1xx") == 1
