"""Tests of batches."""

import asyncio
from collections.abc import Sequence

import pytest

from echo_common.batches import Batches
from echo_common.errors import ServiceUnavailableError
from tests.support.eventually import eventually


async def test_values_that_arrive_during_a_batch_share_the_next_one() -> None:
    processed: list[tuple[str, list[int]]] = []
    resume = asyncio.Event()

    async def process(key: str, values: Sequence[int]) -> None:
        processed.append((key, list(values)))
        await resume.wait()

    batches = Batches(process)
    adding = [asyncio.create_task(batches.add("a", 0))]
    await eventually(lambda: len(processed) == 1)
    adding += [asyncio.create_task(batches.add("a", number)) for number in (1, 2, 3)]
    adding += [asyncio.create_task(batches.add("b", 4))]
    await eventually(lambda: len(processed) == 2)
    assert processed == [("a", [0]), ("b", [4])]
    resume.set()
    await asyncio.gather(*adding)
    assert processed[2:] == [("a", [1, 2, 3])]


async def test_an_error_reaches_the_callers_of_its_batch_alone() -> None:
    async def process(_: str, values: Sequence[int]) -> None:
        if 0 in values:
            raise ServiceUnavailableError

    batches = Batches(process)
    with pytest.raises(ServiceUnavailableError):
        await batches.add("a", 0)
    await batches.add("a", 1)


async def test_a_batch_is_processed_although_its_caller_is_cancelled() -> None:
    processed: list[int] = []

    async def process(_: str, values: Sequence[int]) -> None:
        await asyncio.sleep(0)
        processed.extend(values)

    batches = Batches(process)
    adding = asyncio.create_task(batches.add("a", 1))
    await asyncio.sleep(0)
    adding.cancel()
    await batches.finish()
    assert processed == [1]
