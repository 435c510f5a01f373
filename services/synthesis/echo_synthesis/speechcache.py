"""Spoken sentences, kept to be used again: by the same text tomorrow, or by a job that lost its worker."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple
from typing import ClassVar

import numpy as np
import structlog

from echo_common.clock import now
from echo_common.errors import EchoError
from echo_common.storage.port import ObjectStore
from echo_common.store.port import Collection, Index, Store
from echo_synthesis.engine import EngineSpec, Speech, Utterance, WordTime

_KEEP_SHARE = 0.9


class SpeechCache:
    """Content-addressed: the key covers all that changes the sound. Bounded in bytes; least recently used goes first.

    Losing an entry costs time, never correctness, so its failures are logged and otherwise ignored.
    """

    indexes: ClassVar[Sequence[Index]] = (Index([("last_hit", 1)]),)

    def __init__(self, entries: Collection, objects: ObjectStore, capacity: int, size: int) -> None:
        self._entries = entries
        self._objects = objects
        self._capacity = capacity
        self._size = size
        self._writing: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("echo.speech_cache")

    @classmethod
    @asynccontextmanager
    async def open(cls, store: Store, objects: ObjectStore, capacity: int) -> "AsyncIterator[SpeechCache]":
        """Take stock; on leaving, wait for what is being written. `capacity` is in bytes, 0 keeps nothing."""
        entries = store.collection("speech_cache")
        await entries.ensure(cls.indexes)
        cache = cls(entries, objects, capacity, sum([entry["size"] async for entry in entries.find({})]))
        try:
            yield cache
        finally:
            await asyncio.gather(*cache._writing, return_exceptions=True)

    @staticmethod
    def key(engine: EngineSpec, utterance: Utterance) -> str:
        """What an utterance's sound depends on, hashed."""
        facts = [engine.name, engine.version, utterance.voice, utterance.language, utterance.speed, utterance.text]
        spans = [astuple(word) for word in utterance.words]
        return hashlib.sha256(json.dumps([facts, spans]).encode()).hexdigest()

    async def get(self, key: str) -> Speech | None:
        """The speech kept under the key, if any."""
        if not self._capacity:
            return None
        try:
            entry = await self._entries.find_one({"_id": key})
            if entry is None:
                return None
            blob = b"".join([block async for block in self._objects.read(entry["object_key"])])
        except EchoError as error:
            self._log.warning("entry not read", error=error.message)
            return None
        self._background(self._entries_hit(key))
        return _decode(blob)

    def keep(self, key: str, speech: Speech) -> None:
        """Store in the background."""
        if self._capacity:
            self._background(self._store(key, _encode(speech)))

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _entries_hit(self, key: str) -> None:
        with suppress(EchoError):
            await self._entries.update_one({"_id": key}, {"$inc": {"hits": 1}, "$set": {"last_hit": now()}})

    async def _store(self, key: str, blob: bytes) -> None:
        object_key = f"speech/{key[:2]}/{key}"
        try:
            await self._objects.put(object_key, blob, "application/octet-stream")
            fields = {"object_key": object_key, "size": len(blob), "last_hit": now()}
            await self._entries.upsert({"_id": key}, {"$set": fields, "$inc": {"hits": 0}})
            self._size += len(blob)
            if self._size > self._capacity:
                await self._evict()
        except EchoError as error:
            self._log.warning("entry not kept", error=error.message)

    async def _evict(self) -> None:
        target = int(self._capacity * _KEEP_SHARE)
        async for entry in self._entries.find({}, sort=[("last_hit", 1)]):
            if self._size <= target:
                return
            # The entry goes first: a reader then misses instead of finding no object.
            if await self._entries.delete({"_id": entry["_id"]}):
                self._size -= entry["size"]
                await self._objects.delete(entry["object_key"])


def _encode(speech: Speech) -> bytes:
    head = {
        "sample_rate": speech.sample_rate,
        "alignment": speech.alignment,
        "words": [[word.start, word.end] for word in speech.words],
    }
    samples = np.rint(np.clip(speech.samples, -1, 1) * 32767).astype("<i2")
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + samples.tobytes()


def _decode(blob: bytes) -> Speech:
    head, _, body = blob.partition(b"\n")
    facts = json.loads(head)
    return Speech(
        samples=np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32767),
        sample_rate=facts["sample_rate"],
        words=tuple(WordTime(start, end) for start, end in facts["words"]),
        alignment=facts["alignment"],
    )
