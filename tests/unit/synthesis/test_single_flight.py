"""Concurrent requests for the same segment share one synthesis."""

import asyncio

import pytest

from echo_synthesis.cache.single_flight import SingleFlight


class Work:
    """Work that counts its starts and ends on demand."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.begun


async def started(flights: SingleFlight[int], work: Work, count: int) -> list["asyncio.Task[tuple[int, bool]]"]:
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_concurrent_requests_share_a_synthesis() -> None:
    flights, work = SingleFlight[int](), Work()
    tasks = await started(flights, work, 50)
    work.may_end.set()
    results = await asyncio.gather(*tasks)
    assert work.begun == 1
    assert results == [(1, False), *[(1, True)] * 49]


async def test_later_requests_start_a_new_synthesis() -> None:
    flights, work = SingleFlight[int](), Work()
    work.may_end.set()
    assert [await flights.run("key", work) for _ in range(2)] == [(1, False), (2, False)]


async def test_cancelled_requests_do_not_affect_others() -> None:
    flights, work = SingleFlight[int](), Work()
    first, *others = await started(flights, work, 3)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    work.may_end.set()
    assert await asyncio.gather(*others) == [(1, True)] * 2


async def test_the_synthesis_ends_with_its_last_request() -> None:
    flights, work = SingleFlight[int](), Work()
    tasks = await started(flights, work, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert work.cancelled == 1
    work.may_end.set()
    assert await flights.run("key", work) == (2, False)


async def test_failures_are_shared_and_not_cached() -> None:
    flights = SingleFlight[int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    outcomes = await asyncio.gather(*(flights.run("key", fail) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    with pytest.raises(ValueError, match="no"):
        await flights.run("key", fail)
