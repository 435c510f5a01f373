"""Measurements, and the text format of the metrics."""

import asyncio
import math
from collections.abc import Sequence

from structlog.testing import capture_logs

from echo_common.error_reports import ErrorReports, reporting_to
from echo_common.errors import ServiceUnavailableError
from echo_common.metrics import Metrics, Sample
from tests.support.error_log import sources
from tests.support.eventually import eventually


class Outbox:
    """A measured part that can be unavailable."""

    def __init__(self, metrics: Metrics) -> None:
        self.gauge = metrics.bus.outbox_pending.labels("auth")
        self.available = True
        self.measurements = 0
        self.open = asyncio.Event()
        self.open.set()

    async def measure(self) -> Sequence[Sample]:
        self.measurements += 1
        await self.open.wait()
        if not self.available:
            raise ConnectionError("away")
        return [(self.gauge, 7.0)]


def value(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("echo_outbox_pending", {"service": "auth"})


async def test_measurements_are_taken_when_the_metrics_are_read() -> None:
    metrics = Metrics()
    outbox = Outbox(metrics)
    with metrics.measuring(outbox.measure):
        assert outbox.measurements == 0
        assert b'echo_outbox_pending{service="auth"} 7.0' in await metrics.exposition()
    await metrics.exposition()
    assert outbox.measurements == 1


async def test_concurrent_readers_share_a_measurement() -> None:
    metrics = Metrics()
    outbox = Outbox(metrics)
    outbox.open.clear()
    with metrics.measuring(outbox.measure):
        readers = [asyncio.create_task(metrics.measure()) for _ in range(3)]
        await eventually(lambda: outbox.measurements > 0)
        outbox.open.set()
        await asyncio.gather(*readers)
    assert outbox.measurements == 1


async def test_a_failed_measurement_leaves_no_stale_value_and_does_not_fail_the_others() -> None:
    metrics = Metrics()
    outbox, other = Outbox(metrics), Outbox(metrics)
    other.gauge = metrics.bus.outbox_pending.labels("voice")
    with metrics.measuring(outbox.measure):
        await metrics.measure()
        outbox.available = False
        with metrics.measuring(other.measure), capture_logs() as logged:
            await metrics.measure()
    found = value(metrics)
    assert found is not None
    assert math.isnan(found)
    assert metrics.registry.get_sample_value("echo_outbox_pending", {"service": "voice"}) == 7
    assert [entry["event"] for entry in logged] == ["measurement_failed"]


async def test_creation_times_are_left_out() -> None:
    metrics = Metrics()
    metrics.http.responses.labels("auth", "200").inc()
    text = (await metrics.exposition()).decode()
    assert 'http_server_responses_total{service="auth",status="200"} 1.0' in text
    assert "_created" not in text


async def test_the_process_is_measured() -> None:
    assert b"process_resident_memory_bytes" in await Metrics().exposition()


async def test_a_broken_measurement_is_reported_and_an_outage_is_not() -> None:
    metrics, reports = Metrics(), ErrorReports("voice")

    async def fail() -> Sequence[Sample]:
        raise KeyError("queue")

    async def lose_the_database() -> Sequence[Sample]:
        raise ServiceUnavailableError

    with reporting_to(reports), metrics.measuring(fail), metrics.measuring(lose_the_database):
        await metrics.measure()
    assert sources(reports.collect()) == [("KeyError", "background", "measurement", 1)]
