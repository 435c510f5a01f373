"""Tests of the caching of health checks."""

import asyncio

import pytest
from fastapi import BackgroundTasks

from echo_common.errors import ServiceUnavailableError
from echo_common.http import health
from echo_common.http.health import Watch


class Part:
    """A part of a service that counts its checks."""

    def __init__(self) -> None:
        self.well = True
        self.looks = 0

    async def check(self) -> None:
        self.looks += 1
        if not self.well:
            raise ServiceUnavailableError


async def told(watch: Watch) -> str:
    afterwards = BackgroundTasks()
    answer = await watch.health(afterwards)
    await afterwards()
    return answer.status


async def test_concurrent_requests_share_a_check() -> None:
    part = Part()
    watch = Watch("echo", {"part": part.check})
    assert {await told(watch) for _ in range(20)} == {"ok"}
    assert part.looks == 1


async def test_failed_checks_are_not_cached() -> None:
    part = Part()
    part.well = False
    watch = Watch("echo", {"part": part.check})
    assert [await told(watch), await told(watch)] == ["degraded", "degraded"]
    part.well = True
    assert await told(watch) == "ok"
    assert part.looks == 3


async def test_stale_results_are_returned_at_once_and_refreshed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "_FRESH", 0.0)
    part = Part()
    watch = Watch("echo", {"part": part.check})
    await told(watch)
    part.well = False
    assert [await told(watch), await told(watch)] == ["ok", "degraded"]


async def test_expired_results_are_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_TOLD_AGAIN", 0.0)
    part = Part()
    watch = Watch("echo", {"part": part.check})
    await told(watch)
    part.well = False
    assert await told(watch) == "degraded"


async def test_concurrent_requests_share_a_failing_check() -> None:
    part = Part()
    part.well = False
    watch = Watch("echo", {"part": part.check})
    assert {*await asyncio.gather(*(told(watch) for _ in range(20)))} == {"degraded"}
    assert part.looks == 1


async def test_unexpected_errors_in_a_check_mark_the_part_as_down() -> None:
    async def broken() -> None:
        raise FileNotFoundError("/private/path")

    afterwards = BackgroundTasks()
    answer = await Watch("echo", {"part": broken}).health(afterwards)

    assert answer.status == "degraded"
    assert answer.parts["part"].status == "down"
    assert "/private/path" not in str(answer.parts["part"].reason)
