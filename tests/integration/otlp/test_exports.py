"""The real exporters, against a local collector that parses OTLP."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import Histogram
from structlog.testing import capture_logs

from echo_common.metrics import Metrics
from echo_common.otlp.exports import TelemetryExports
from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging
from tests.support.collector import Collector, Point, collecting
from tests.support.eventually import eventually

SECRET = "collector-token-1234"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


@pytest.fixture(autouse=True)
def restored_sdk_logger() -> Iterator[None]:
    """Take the exports that a test does not close off the logger of OpenTelemetry."""
    logger = logging.getLogger("opentelemetry")
    yield
    logger.handlers, logger.propagate = [], True


def settings(collector: Collector, *signals: str) -> CommonSettings:
    return CommonSettings(
        otlp_endpoint=collector.url,
        otlp_headers=f"Authorization=Bearer {SECRET}, X-Tenant=echo",
        otlp_signals=signals,
        otlp_metric_seconds=0.05,
    )


def points(collector: Collector, name: str) -> list[Point]:
    return [point for point in collector.points if point.name == name]


async def test_metrics_are_exported_at_intervals_and_at_the_end(collector: Collector) -> None:
    metrics = Metrics()
    exports = TelemetryExports(settings(collector, "metrics"), "voice")
    async with exports.exporting(metrics):
        metrics.http.responses.labels("voice", "200").inc(3)
        metrics.bus.connected.labels("voice").set(1)
        metrics.bus.outbox_pending.labels("voice").set(float("nan"))
        await eventually(lambda: bool(points(collector, "http_server_responses")), within=20)
        metrics.http.responses.labels("voice", "200").inc(4)
    counted, gauge = points(collector, "http_server_responses")[-1], points(collector, "echo_bus_connected")[-1]
    assert (counted.kind, counted.process, counted.labels) == ("sum", "echo-voice", {"service": "voice", "status": "200"})
    assert counted.data.as_double == 7
    assert 0 < counted.data.start_time_unix_nano <= counted.data.time_unix_nano
    assert (gauge.kind, gauge.data.as_double) == ("gauge", 1)
    assert not points(collector, "echo_outbox_pending")
    assert not collector.spans
    assert not collector.entries


async def test_an_export_that_fails_does_not_end_the_later_ones(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    metrics.http.responses.labels("voice", "200").inc()
    measure, failures = metrics.measure, [RuntimeError("once")]

    async def fail_once() -> None:
        if failures:
            raise failures.pop()
        await measure()

    monkeypatch.setattr(metrics, "measure", fail_once)
    async with TelemetryExports(settings(collector, "metrics"), "voice").exporting(metrics):
        await eventually(lambda: bool(points(collector, "http_server_responses")), within=20)
    assert not failures


async def test_histograms_are_exported_with_their_buckets(collector: Collector) -> None:
    metrics = Metrics()
    async with TelemetryExports(settings(collector, "metrics"), "voice").exporting(metrics):
        histogram: Histogram = metrics.tasks.wait.labels("jobs")
        for seconds in (0.05, 0.2, 0.2, 99_999):
            histogram.observe(seconds)
    [*_, point] = points(collector, "echo_task_wait_seconds")
    assert point.kind == "histogram"
    assert (point.data.count, point.data.sum) == (4, pytest.approx(99_999.45))
    assert list(point.data.explicit_bounds)[:3] == [0.1, 0.25, 0.5]
    assert len(point.data.bucket_counts) == len(point.data.explicit_bounds) + 1
    assert (point.data.bucket_counts[0], point.data.bucket_counts[1], point.data.bucket_counts[-1]) == (1, 2, 1)


@pytest.mark.usefixtures("restored_logging")
async def test_log_entries_are_exported_with_their_trace_and_without_local_variables(collector: Collector) -> None:
    chosen = settings(collector, "logs")
    exports = TelemetryExports(chosen, "auth")
    configure_logging(chosen, exports.logs)
    span = NonRecordingSpan(SpanContext(0xA1, 0xB2, is_remote=False, trace_flags=TraceFlags(0)))
    token = context.attach(trace.set_span_in_context(span))
    structlog.get_logger("echo.test").warning("lease_lost", job_id="job_1", attempt=2)
    context.detach(token)
    try:
        _fail("".join(("hunter", "2")))  # not in the line of code, which the stack trace shows
    except ValueError:
        structlog.get_logger("echo.test").exception("request_failed", path="/x")
    logging.getLogger("library").warning("low on %s", "space")
    await asyncio.to_thread(exports.close)

    lost, failed, foreign = collector.entries
    assert (lost.process, lost.event, lost.severity, lost.trace_id) == ("echo-auth", "lease_lost", "warning", f"{0xA1:032x}")
    assert lost.attributes["job_id"] == "job_1"
    assert lost.attributes["attempt"] == 2
    assert (failed.event, failed.attributes["exception.type"]) == ("request_failed", "ValueError")
    assert "_fail" in failed.attributes["exception.stacktrace"]
    assert "hunter2" not in str(collector.entries)
    assert (foreign.event, foreign.attributes["logger"]) == ("low on space", "library")


async def test_headers_are_sent_to_the_collector(collector: Collector) -> None:
    async with TelemetryExports(settings(collector, "metrics"), "voice").exporting(Metrics()):
        pass
    assert collector.headers[-1]["authorization"] == f"Bearer {SECRET}"
    assert collector.headers[-1]["x-tenant"] == "echo"


async def test_nothing_is_exported_without_a_collector() -> None:
    exports = TelemetryExports(CommonSettings(otlp_endpoint=None), "voice")
    async with exports.exporting(Metrics()):
        assert exports.logs is None
    exports.close()


async def test_an_outage_of_the_collector_is_reported_once_and_its_end_too(collector: Collector) -> None:
    collector.status = 400
    metrics = Metrics()
    metrics.http.responses.labels("voice", "200").inc()
    exports = TelemetryExports(settings(collector, "metrics"), "voice")
    with capture_logs() as entries:
        async with exports.exporting(metrics):
            await eventually(lambda: collector.refused >= 5, within=20)
            collector.status = 200
            await eventually(lambda: len(points(collector, "http_server_responses")) >= 2, within=20)
    exports.close()
    failed, recovered = entries
    assert (failed["event"], failed["signals"], failed["failures"]) == ("telemetry_export_failed", "metrics", 1)
    assert "400" in failed["error"]
    assert (recovered["event"], recovered["failures"]) == ("telemetry_export_recovered", collector.refused)


async def test_a_stop_does_not_wait_for_a_collector_that_hangs(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_common.otlp.exports._REQUEST_TIMEOUT_SECONDS", 60.0)
    monkeypatch.setattr("echo_common.otlp.exports._STOP_SECONDS", 0.1)
    collector.responds.clear()
    exports = TelemetryExports(settings(collector, "metrics", "logs"), "voice")
    assert exports.logs is not None
    exports.logs(None, "info", {"event": "last_entry"})
    with capture_logs() as entries:
        async with exports.exporting(Metrics()):
            pass
    assert [(entry["event"], entry["error"]) for entry in entries] == [("metric_export_failed", "TimeoutError()")]
    await asyncio.to_thread(exports.close)
    waiting = {thread.name for thread in threading.enumerate()}
    assert waiting >= {"otlp-metrics", "otlp-shutdown"}  # both outlive the stop, until the collector responds
    collector.responds.set()
    await eventually(lambda: [entry.event for entry in collector.entries] == ["last_entry"], within=20)


UNREACHABLE = r"""
import asyncio, re, structlog
from opentelemetry import trace
from echo_common.metrics import Metrics
from echo_common.otlp.exports import TelemetryExports
from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging

settings = CommonSettings()
exports = TelemetryExports(settings, "voice")
configure_logging(settings, exports.logs)
log, tracer = structlog.get_logger("echo.test"), trace.get_tracer("test")

async def work():
    async with exports.exporting(Metrics()):
        for number in range(20_000):
            with tracer.start_as_current_span("work"):
                log.info("worked", number=number, padding="x" * 1000)

asyncio.run(work())
exports.close()
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://192.0.2.1:4318"])
def test_an_unreachable_collector_stops_nothing_and_fills_no_memory(endpoint: str) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "ECHO_OTLP_ENDPOINT": endpoint,
        "ECHO_OTLP_HEADERS": f"Authorization=Bearer {SECRET}",
        "ECHO_TRACE_RATIO": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", UNREACHABLE], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stderr.count('"event":"worked"') == 20_000
    assert SECRET not in ended.stdout + ended.stderr
    own = [line for line in ended.stderr.splitlines() if '"event":"telemetry_export_failed"' in line]
    exporters = [line for line in ended.stderr.splitlines() if "Transient error" in line or "Failed to export" in line]
    assert len(own) <= 1
    assert exporters in ([], own)
    peak_kib = int(ended.stdout)
    assert peak_kib < 400 * 1024


def _fail(password: str) -> None:
    raise ValueError("no")
