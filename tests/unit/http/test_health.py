"""Tests of the caching of health checks."""

import asyncio

import pytest
from fastapi import BackgroundTasks

from echo_common.error_reports import ErrorReports, reporting_to
from echo_common.errors import ServiceUnavailableError
from echo_common.http import health
from echo_common.http.health import HealthChecks
from echo_common.metrics import Metrics
from tests.support.error_log import sources


class Part:
    """A part of a service that counts its checks."""

    def __init__(self) -> None:
        self.healthy = True
        self.checks_run = 0

    async def check(self) -> None:
        self.checks_run += 1
        if not self.healthy:
            raise ServiceUnavailableError


async def status_of(checks: HealthChecks) -> str:
    afterwards = BackgroundTasks()
    found = await checks.health(afterwards)
    await afterwards()
    return found.status


async def test_concurrent_requests_share_a_check() -> None:
    part = Part()
    checks = HealthChecks("echo", {"part": part.check}, Metrics())
    assert {await status_of(checks) for _ in range(20)} == {"ok"}
    assert part.checks_run == 1


async def test_failed_checks_are_not_cached() -> None:
    part = Part()
    part.healthy = False
    checks = HealthChecks("echo", {"part": part.check}, Metrics())
    assert [await status_of(checks), await status_of(checks)] == ["degraded", "degraded"]
    part.healthy = True
    assert await status_of(checks) == "ok"
    assert part.checks_run == 3


async def test_stale_results_are_returned_at_once_and_refreshed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "_FRESH_SECONDS", 0.0)
    part = Part()
    checks = HealthChecks("echo", {"part": part.check}, Metrics())
    await status_of(checks)
    part.healthy = False
    assert [await status_of(checks), await status_of(checks)] == ["ok", "degraded"]


async def test_expired_results_are_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_REUSED_SECONDS", 0.0)
    part = Part()
    checks = HealthChecks("echo", {"part": part.check}, Metrics())
    await status_of(checks)
    part.healthy = False
    assert await status_of(checks) == "degraded"


async def test_concurrent_requests_share_a_failing_check() -> None:
    part = Part()
    part.healthy = False
    checks = HealthChecks("echo", {"part": part.check}, Metrics())
    assert {*await asyncio.gather(*(status_of(checks) for _ in range(20)))} == {"degraded"}
    assert part.checks_run == 1


async def test_unexpected_errors_in_a_check_mark_the_part_as_down() -> None:
    async def broken() -> None:
        raise FileNotFoundError("/private/path")

    afterwards = BackgroundTasks()
    answer = await HealthChecks("echo", {"part": broken}, Metrics()).health(afterwards)

    assert answer.status == "degraded"
    assert answer.parts["part"].status == "down"
    assert "/private/path" not in str(answer.parts["part"].reason)


async def test_unexpected_errors_in_a_check_are_reported() -> None:
    async def broken() -> None:
        raise KeyError("disk")

    reports = ErrorReports("voice")
    with reporting_to(reports):
        await HealthChecks("voice", {"disk": broken}, Metrics()).run()
    assert sources(reports.collect()) == [("KeyError", "background", "health_check", 1)]
