"""How often a service's parts are looked at."""

import asyncio

import pytest
from fastapi import BackgroundTasks

from echo_common.errors import ServiceUnavailableError
from echo_common.http import health
from echo_common.http.health import Watch


class Part:
    """Something to look at, and how often that was done."""

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


async def test_many_who_ask_at_once_cost_one_look() -> None:
    part = Part()
    watch = Watch("echo", {"part": part.check})
    assert {await told(watch) for _ in range(20)} == {"ok"}
    assert part.looks == 1


async def test_what_is_not_well_is_looked_at_each_time() -> None:
    part = Part()
    part.well = False
    watch = Watch("echo", {"part": part.check})
    assert [await told(watch), await told(watch)] == ["degraded", "degraded"]
    part.well = True
    assert await told(watch) == "ok"
    assert part.looks == 3


async def test_after_a_moment_who_asks_is_told_at_once_and_the_next_one_hears_what_has_become_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "_FRESH", 0.0)
    part = Part()
    watch = Watch("echo", {"part": part.check})
    await told(watch)
    part.well = False
    assert [await told(watch), await told(watch)] == ["ok", "degraded"]


async def test_nobody_is_told_what_was_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_TOLD_AGAIN", 0.0)
    part = Part()
    watch = Watch("echo", {"part": part.check})
    await told(watch)
    part.well = False
    assert await told(watch) == "degraded"


async def test_many_who_ask_while_something_is_not_well_cost_one_look() -> None:
    part = Part()
    part.well = False
    watch = Watch("echo", {"part": part.check})
    assert {*await asyncio.gather(*(told(watch) for _ in range(20)))} == {"degraded"}
    assert part.looks == 1


async def test_a_check_that_fails_in_an_unexpected_way_is_a_part_that_is_down() -> None:
    async def broken() -> None:
        raise FileNotFoundError("/private/path")

    afterwards = BackgroundTasks()
    answer = await Watch("echo", {"part": broken}).health(afterwards)

    assert answer.status == "degraded"
    assert answer.parts["part"].status == "down"
    assert "/private/path" not in str(answer.parts["part"].reason)
