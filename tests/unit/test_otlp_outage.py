"""Outages of a collector are reported once, then seldom, and at their end."""

import logging
from collections.abc import Iterator
from enum import Enum

import pytest
from structlog.testing import capture_logs

from echo_common.otlp.outage import OutageReporter

SDK = logging.getLogger("opentelemetry.exporter.otlp.test")


class Result(Enum):
    SUCCESS = 0
    FAILURE = 1


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> Iterator[OutageReporter]:
    outage = OutageReporter(clock)
    yield outage
    outage.close()


class Written(logging.Handler):
    """The entries that reach the handlers of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def written() -> Iterator[Written]:
    handler = Written()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def send(outage: OutageReporter, result: Result, signal: str = "traces") -> None:
    def export(_: None) -> Result:
        if result is Result.FAILURE:
            SDK.warning("Transient error %s", "refused")
            SDK.error("Failed to export")
        return result

    assert outage.report_results(signal, export)(None) is result


def test_an_outage_of_a_day_is_reported_at_growing_intervals(outage: OutageReporter, clock: Clock, written: Written) -> None:
    with capture_logs() as entries:
        for second in range(0, 86_400, 60):
            clock.time = 1000.0 + second
            send(outage, Result.FAILURE)
            send(outage, Result.FAILURE, "logs")
        reported = len(entries)
        send(outage, Result.SUCCESS, "logs")
        assert len(entries) == reported
        send(outage, Result.SUCCESS)
        send(outage, Result.SUCCESS)
    assert reported < 30
    first, second_report, *_, last = entries
    assert first == {
        "event": "telemetry_export_failed",
        "log_level": "warning",
        "signals": "traces",
        "failures": 1,
        "error": "Transient error refused",
    }
    assert second_report["failures"] == 2 * 120 // 60 + 1
    assert second_report["signals"] == "logs,traces"
    assert (last["event"], last["seconds"], last["failures"]) == ("telemetry_export_recovered", 86_340.0, 2 * 86_400 // 60)
    assert not written.messages


def test_each_outage_is_reported_at_once(outage: OutageReporter) -> None:
    with capture_logs() as entries:
        for result in (Result.SUCCESS, Result.FAILURE, Result.SUCCESS, Result.FAILURE, Result.SUCCESS):
            send(outage, result)
    assert [entry["event"] for entry in entries] == ["telemetry_export_failed", "telemetry_export_recovered"] * 2


def test_other_entries_are_passed_on_unless_exports_fail(outage: OutageReporter, written: Written) -> None:
    with capture_logs():
        SDK.warning("before")
        send(outage, Result.FAILURE)
        SDK.warning("Queue full")
        send(outage, Result.SUCCESS)
        SDK.warning("after")
        outage.close()
        SDK.warning("closed")
    assert written.messages == ["before", "after", "closed"]
