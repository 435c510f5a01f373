"""Spoken sentences are kept within their room, and never cross a border they must not."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echo_common.storage.filesystem import FolderStorage
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.speechcache import SpeechCache
from tests.support.database import Database

SAMPLES = 1_000


def speech() -> Speech:
    return Speech(np.zeros(SAMPLES, np.float32), 16_000, (), "model")


class Desk:
    """A cache, and an engine that counts."""

    def __init__(self, cache: SpeechCache) -> None:
        self.cache = cache
        self.spoken: list[str] = []

    async def say(self, text: str, voice: str = "tone_low", scope: str = "") -> bool:
        """Whether it was there."""
        key = self.cache.key(SPEC, Utterance(text, (), voice, "en-US"), scope)

        async def make() -> Speech:
            self.spoken.append(text)
            await asyncio.sleep(0)
            return speech()

        _, kept = await self.cache.once(key, voice, make)
        await self.cache.settled()
        return kept


class Desks:
    """Replicas and restarts: caches over the same database and folder."""

    def __init__(self, database: Database, folder: Path, stack: AsyncExitStack) -> None:
        self.objects = FolderStorage(folder)
        self._database = database
        self._stack = stack

    async def open(self, capacity: int = 1_000_000) -> Desk:
        store = await self._database.open("synthesis")
        self._stack.push_async_callback(store.close)
        return Desk(await self._stack.enter_async_context(SpeechCache.open(store, self.objects, capacity)))

    async def objects_kept(self) -> Sequence[str]:
        return [key async for key in self.objects.keys("speech/")]


@pytest.fixture
async def desks(database: Database, tmp_path: Path):
    async with AsyncExitStack() as stack:
        yield Desks(database, tmp_path, stack)


async def test_what_was_said_is_not_spoken_again_even_after_a_restart(desks: Desks) -> None:
    first = await desks.open()
    assert [await first.say("One."), await first.say("One.")] == [False, True]
    second = await desks.open()
    assert await second.say("One.")
    assert second.spoken == []


async def test_what_is_heard_again_is_the_same_to_the_last_sample(desks: Desks) -> None:
    desk = await desks.open()
    noise = np.random.default_rng(7).uniform(-1, 1, SAMPLES).astype(np.float32)

    async def make() -> Speech:
        return replace(speech(), samples=noise, cost={"characters": 4})

    first, _ = await desk.cache.once("ab", "tone_low", make)
    await desk.cache.settled()
    again, kept = await desk.cache.once("ab", "tone_low", make)
    assert kept
    assert np.array_equal(first.samples, again.samples)
    assert np.abs(first.samples - noise).max() < 1 / 32_000
    assert (first.cost, again.cost) == ({"characters": 4}, {})


async def test_fifty_at_once_are_one_synthesis(desks: Desks) -> None:
    desk = await desks.open()
    kept = await asyncio.gather(*(desk.say("All together.") for _ in range(50)))
    assert (desk.spoken, sorted(kept)) == (["All together."], [False] + [True] * 49)


async def test_with_no_room_at_all_those_at_once_still_share(desks: Desks) -> None:
    desk = await desks.open(capacity=0)
    assert sorted(await asyncio.gather(*(desk.say("All together.") for _ in range(5)))) == [False] + [True] * 4
    assert not await desk.say("All together.")
    assert await desks.objects_kept() == []


async def test_the_least_recently_used_goes_first(desks: Desks) -> None:
    entry = 2 * SAMPLES + 100
    desk = await desks.open(capacity=5 * entry)
    for text in ("One.", "Two.", "Three.", "Four."):
        await desk.say(text)
    assert await desk.say("One.")
    await desk.say("Five.")
    await desk.say("Six.")
    assert len(await desks.objects_kept()) <= 5
    assert await desk.say("One.")
    assert not await desk.say("Two.")


@pytest.mark.parametrize("replicas", [1, 2])
async def test_the_room_holds_across_restarts_and_replicas(desks: Desks, replicas: int) -> None:
    entry = 2 * SAMPLES + 100
    for number in range(12):
        desk = [await desks.open(capacity=4 * entry) for _ in range(replicas)][-1]
        await desk.say(f"Number {number}.")
    assert 3 <= len(await desks.objects_kept()) <= 4


async def test_a_private_voice_serves_its_user_alone(desks: Desks) -> None:
    desk = await desks.open()
    assert not await desk.say("Secret.", scope="usr_alice")
    assert await desk.say("Secret.", scope="usr_alice")
    assert not await desk.say("Secret.", scope="usr_mallory")
    assert not await desk.say("Secret.")


async def test_a_voice_that_is_gone_leaves_nothing_it_said(desks: Desks) -> None:
    desk = await desks.open()
    for text in ("One.", "Two."):
        await desk.say(text, voice="tone_high")
    await desk.say("Three.")
    assert await desk.cache.purge("tone_high") == 2
    assert len(await desks.objects_kept()) == 1
    assert not await desk.say("One.", voice="tone_high")


async def test_what_a_voice_was_still_saying_when_it_went_is_not_kept(desks: Desks) -> None:
    desk = await desks.open()

    async def make() -> Speech:
        await desk.cache.purge("tone_high")
        return speech()

    async def in_use() -> bool:
        return False

    await desk.cache.once("ab", "tone_high", make, in_use)
    await desk.cache.settled()
    assert await desks.objects_kept() == []
    _, kept = await desk.cache.once("ab", "tone_high", make, in_use)
    assert not kept


async def test_an_entry_without_its_object_is_spoken_again(desks: Desks) -> None:
    desk = await desks.open()
    await desk.say("One.")
    for key in await desks.objects_kept():
        await desks.objects.delete(key)
    assert [await desk.say("One."), await desk.say("One.")] == [False, True]
