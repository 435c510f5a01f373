"""Speech caches over the same database and folder, as of replicas and after restarts."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectStore
from echo_common.store.port import Store
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.engine import SegmentQuality, Speech, Utterance
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.speech_check import check_speech
from tests.support.database import Database

SAMPLES = 1_000


def speech() -> Speech:
    return Speech(np.zeros(SAMPLES, np.float32), 16_000, (), "model")


def bad(takes: int) -> Speech:
    return replace(speech(), quality=SegmentQuality(attempts=takes, problems=("clipped",)))


def anything(_: Speech) -> None:
    """No check."""


class Desk:
    """A cache, with an engine that counts syntheses."""

    def __init__(self, cache: SpeechCache) -> None:
        self.cache = cache
        self.spoken: list[str] = []

    async def say(self, text: str, voice: str = "tone_low", scope: str = "", *, user_id: str = "", settle: bool = True) -> bool:
        """Synthesise a text and return whether it was a hit for the user."""
        utterance = Utterance(text, (), voice, "en-US")
        key = self.cache.key(SPEC, utterance, scope)

        async def make(_: Speech | None) -> Speech:
            self.spoken.append(text)
            await asyncio.sleep(0)
            return speech()

        _, kept = await self.cache.get_or_create(key, voice, make, partial(check_speech, SPEC, utterance), user_id=user_id)
        if settle:
            await self.cache.wait_for_writes()
        return kept


class Desks:
    """Replicas and restarts: caches over the same database and folder."""

    def __init__(self, database: Database, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.objects = FolderStorage(folder)
        self._database = database
        self._stack = stack

    async def open(self, capacity: int = 1_000_000, bounds: str = "1", objects: ObjectStore | None = None) -> Desk:
        cache = SpeechCache.open(await self.store(), objects or self.objects, capacity, bounds=bounds)
        return Desk(await self._stack.enter_async_context(cache))

    async def store(self) -> Store:
        store = await self._database.open("synthesis")
        self._stack.push_async_callback(store.close)
        return store

    async def objects_kept(self) -> Sequence[str]:
        return [key async for key in self.objects.keys("speech/")]


@pytest.fixture
async def desks(database: Database, tmp_path: Path):
    async with AsyncExitStack() as stack:
        yield Desks(database, tmp_path, stack)
