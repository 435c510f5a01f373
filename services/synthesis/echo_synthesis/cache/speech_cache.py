"""The cache of synthesised segments, for later requests with the same text and for the next attempt at a job."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from echo_common.background_tasks import BackgroundTasks, running_in_background
from echo_common.clock import now
from echo_common.errors import EchoError
from echo_common.metrics import CountLookup, count_nothing
from echo_common.storage.port import ObjectStore
from echo_common.store.port import Collection, Index, Store
from echo_synthesis.cache.cache_entry import FORMAT, decode_entry, encode_entry
from echo_synthesis.cache.entry_store import EntryStore, InUse, PendingEntry, Verify, count_bad_takes
from echo_synthesis.cache.single_flight import SingleFlight
from echo_synthesis.engine import EngineSpec, Speech, Utterance

_WRITE_DELAY_SECONDS = 0.2
"""Seconds during which hits of one entry are collected into one write."""

_MAXIMUM_USERS = 64
"""Maximum number of users whose marks an entry stores; for other users every use counts as the first."""

Make = Callable[[Speech | None], Awaitable[Speech]]
"""Function that synthesises a segment; from bad speech of an earlier call it continues with the next take."""


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A speech, whether it was cached, and marks of its users."""

    speech: Speech
    cached: bool
    user_marks: Sequence[str]


@dataclass(slots=True)
class _Usage:
    """Pending changes of an entry: further hits, and marks of further users who were given it."""

    hits: int = 0
    user_marks: set[str] = field(default_factory=set)


class SpeechCache:
    """Content-addressed speech cache: the key covers everything that changes the sound. Bounded in bytes, with LRU eviction.

    Entries of another format are never served, and removed after the start. An entry that is damaged, or fails the check for
    engine output, is a miss and removed. Bad speech expires after a day, and with another version of the `bounds` of the quality
    gate; it replaces neither good speech nor bad speech of more takes. Losing an entry costs time, never correctness, so the cache's
    failures are logged and ignored.

    Users share entries without noticing: a hit is reported only to a user who was given the entry before. An entry stores a
    mark of each user: a hash that differs in every entry.
    """

    indexes: ClassVar[Sequence[Index]] = (Index([("last_hit", 1)]), Index([("voice", 1)]))

    def __init__(
        self,
        entries: Collection,
        objects: ObjectStore,
        capacity: int,
        count_lookup: CountLookup = count_nothing,
        *,
        bounds: str = "",
    ) -> None:
        self._entries = entries
        self._store = EntryStore(entries, objects, capacity, bounds)
        self._capacity = capacity
        self._count_lookup = count_lookup
        self._flights = SingleFlight[_Lookup]()
        self._pending: dict[str, PendingEntry] = {}
        self._usages: dict[str, _Usage] = {}
        self._waiting: dict[str, Counter[str]] = {}
        self._writing = BackgroundTasks()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        store: Store,
        objects: ObjectStore,
        capacity: int,
        count_lookup: CountLookup = count_nothing,
        *,
        bounds: str = "",
    ) -> "AsyncIterator[SpeechCache]":
        """Open the cache and count its entries; on exit, wait for pending writes. `capacity` is in bytes, 0 disables it."""
        entries = store.collection("speech_cache")
        await entries.ensure(cls.indexes)
        cache = cls(entries, objects, capacity, count_lookup, bounds=bounds)
        await cache._store.count()
        try:
            async with running_in_background(cache._store.remove_outdated()):
                yield cache
        finally:
            await cache.wait_for_writes()  # the entry written last may still have users to add

    @property
    def enabled(self) -> bool:
        """True if the cache is enabled."""
        return self._capacity > 0

    @property
    def size_bytes(self) -> int:
        """Size of the entries, as far as this replica has counted them."""
        return self._store.size_bytes

    @staticmethod
    def key(engine: EngineSpec, utterance: Utterance, scope: str = "", *, check: str = "") -> str:
        """Return the hash of everything that an utterance's sound depends on and of its `scope` (a user; empty: all users).

        `check` names the check that the speech has passed; empty: that of all speech. Any take of an utterance may be cached.
        """
        left_out = {"take"} if utterance.style else {"take", "style"}  # speech without a style keeps its key
        sound = {name: value for name, value in asdict(utterance).items() if name not in left_out}
        facts = [FORMAT, engine.name, engine.version, scope, sound, *([check] if check else [])]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    async def get_or_create(
        self,
        key: str,
        voice: str,
        make: Make,
        verify: Verify,
        in_use: InUse | None = None,
        *,
        user_id: str = "",
        keep: Callable[[Speech], bool] = lambda _: True,
    ) -> tuple[Speech, bool]:
        """Return the speech for a key and whether this user had it before; make it only if neither cached nor in progress.

        Cached speech must pass `verify`, or is made again; bad speech that is not final is given to `make`. The result never
        reveals what other users were given or are waiting for. Speech for which `keep` is false is not cached. `in_use` tells
        whether the voice still exists: if it was purged in the meantime, its speech is not cached. Raises the errors of `make`.
        """

        async def cached_or_made() -> _Lookup:
            found = await self._get(key, verify)
            if found is not None and _is_final(found.speech):
                return found
            speech = await make(None if found is None else found.speech)
            pending = self._pending_entry(key, speech)
            if self._capacity and keep(speech):
                self._pending[key] = pending  # concurrent requests find it here while it is being written
                self._writing.start(self._write(key, voice, pending, in_use))
            # the first response must equal later ones, sample by sample
            return _Lookup(replace(decode_entry(pending.blob), cost=speech.cost), cached=False, user_marks=pending.user_marks)

        mark, usage = _mark(key, user_id), self._usages.get(key)
        with self._wait(key, mark) as before_me:
            found, joined = await self._flights.run(key, cached_or_made)
        if self._capacity:
            self._count_lookup(found.cached or joined)
        had_it = before_me or (usage is not None and mark in usage.user_marks)
        remembered = mark in found.user_marks
        if self._capacity and not remembered and len(found.user_marks) < _MAXIMUM_USERS:
            self._usage_of(key).user_marks.add(mark)
        return found.speech, (joined and had_it) or (found.cached and (had_it or remembered))

    async def save_bad(self, key: str, voice: str, speech: Speech, in_use: InUse | None = None) -> None:
        """Store bad speech before its next take, so that its takes count even if this process ends. Failures are logged."""
        if self._capacity:
            await self._store.write(key, voice, self._pending_entry(key, speech), in_use)

    async def purge(self, voice: str) -> int:
        """Remove all entries of a voice and return their number. Raises `StoreUnavailableError`, `StorageUnavailableError`."""
        return await self._store.purge(voice)

    async def erase(self, user_id: str) -> None:
        """Remove the entries that only this user was given, and the user's marks in all others. Raises as `purge`."""
        await self.wait_for_writes()
        async for entry in self._entries.find({}, fields=["object_key", "size", "heard_by"]):
            mark, marks = _mark(entry["_id"], user_id), set(entry.get("heard_by", ()))
            if marks == {mark}:
                await self._store.remove(entry, {"_id": entry["_id"]})
            elif mark in marks:
                await self._entries.update_one({"_id": entry["_id"]}, {"$pull": {"heard_by": mark}})

    async def known(self, object_keys: Sequence[str]) -> Sequence[str]:
        """Return the object keys that an entry refers to."""
        return await self._store.known(object_keys)

    async def wait_for_writes(self) -> None:
        """Wait until all pending writes have finished."""
        await self._writing.finish()

    def _pending_entry(self, key: str, speech: Speech) -> PendingEntry:
        return PendingEntry(encode_entry(speech), list(self._waiting.get(key, ()))[:_MAXIMUM_USERS], count_bad_takes(speech))

    @contextmanager
    def _wait(self, key: str, mark: str) -> Iterator[bool]:
        """Register a user as waiting for an entry; yield whether the user waits for it already."""
        waiting = self._waiting.setdefault(key, Counter())
        waiting[mark] += 1
        try:
            yield waiting[mark] > 1
        finally:
            waiting -= Counter([mark])  # drops zero counts
            if not waiting:
                del self._waiting[key]

    async def _get(self, key: str, verify: Verify) -> _Lookup | None:
        if not self._capacity:
            return None
        if (pending := self._pending.get(key)) is not None:
            return _Lookup(decode_entry(pending.blob), cached=True, user_marks=pending.user_marks)
        found = await self._store.read(key, verify)
        if found is None:
            return None
        if _is_final(found.speech):
            self._usage_of(key).hits += 1
        return _Lookup(found.speech, cached=True, user_marks=found.user_marks)

    def _usage_of(self, key: str) -> _Usage:
        """Return the pending changes of an entry, which are written soon or once the entry exists."""
        usage = self._usages.get(key)
        if usage is None:
            usage = self._usages[key] = _Usage()
            if key not in self._pending:
                self._writing.start(self._write_usage(key))
        return usage

    async def _write_usage(self, key: str) -> None:
        await asyncio.sleep(_WRITE_DELAY_SECONDS)
        usage = self._usages.get(key)
        if usage is None:
            return
        written: set[str] = set()
        update: dict[str, Any] = {"$inc": {"hits": usage.hits}, "$set": {"last_hit": now()}}
        with suppress(EchoError):
            await self._entries.update_one({"_id": key}, update)
            while new := usage.user_marks - written:  # more may arrive during a write
                for mark in new:
                    await self._entries.update_one({"_id": key}, {"$push": {"heard_by": mark}})
                written |= new
        self._usages.pop(key, None)

    async def _write(self, key: str, voice: str, pending: PendingEntry, in_use: InUse | None) -> None:
        try:
            await self._store.write(key, voice, pending, in_use)
        finally:
            if self._pending.get(key) is pending:
                del self._pending[key]
            if key in self._usages:
                self._writing.start(self._write_usage(key))


def _is_final(speech: Speech) -> bool:
    return speech.quality is None or speech.quality.final


def _mark(key: str, user_id: str) -> str:
    """Return the mark of a user in an entry; it cannot be linked to the user's marks in other entries."""
    return hashlib.sha256(f"{key}\n{user_id}".encode()).hexdigest()[:24]
