"""The cache of synthesised segments, for later requests with the same text and for the next attempt at a job."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog

from echo_common.background_tasks import BackgroundTasks, running_in_background
from echo_common.clock import now
from echo_common.errors import EchoError
from echo_common.metrics import CountLookup, count_nothing
from echo_common.storage.port import ObjectNotFoundError, ObjectStore
from echo_common.store.port import Collection, Document, DuplicateError, Filter, Index, Store
from echo_synthesis.cache.cache_entry import FORMAT, DamagedEntryError, decode_entry, encode_entry
from echo_synthesis.cache.single_flight import SingleFlight
from echo_synthesis.engine import EngineSpec, Speech, Utterance
from echo_synthesis.speech_check import ImplausibleSpeechError

_KEEP_SHARE = 0.9
_RECOUNT_SHARE = 0.05
_WRITE_DELAY_SECONDS = 0.2
"""Seconds during which hits of one entry are collected into one write."""

_MAXIMUM_USERS = 64
"""Maximum number of users whose marks an entry stores; for other users every use counts as the first."""

_BAD_SPEECH_SECONDS = 86_400.0
"""Seconds after which bad speech is spoken again: an engine with random output may then speak well."""

InUse = Callable[[], Awaitable[bool]]
Verify = Callable[[Speech], None]
"""Function that raises `ImplausibleSpeechError` for speech that cannot belong to the text."""

Make = Callable[[Speech | None], Awaitable[Speech]]
"""Function that synthesises a segment; from bad speech of an earlier call it continues with the next take."""


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A speech, whether it was cached, and marks of its users."""

    speech: Speech
    cached: bool
    user_marks: Sequence[str]


@dataclass(frozen=True, slots=True)
class _PendingEntry:
    """A speech that is being written, marks of its users, and the number of its takes if it is bad."""

    blob: bytes
    user_marks: Sequence[str]
    takes: int | None


@dataclass(slots=True)
class _Usage:
    """Pending changes of an entry: further hits, and marks of further users who were given it."""

    hits: int = 0
    user_marks: set[str] = field(default_factory=set)


class SpeechCache:
    """Content-addressed speech cache: the key covers everything that changes the sound. Bounded in bytes, with LRU eviction.

    Entries of another format are never served, and removed after the start. An entry that is damaged, or fails the check for
    engine output, is a miss and removed. Bad speech expires after a day, and with another version of the `bounds` of the quality
    gate; it replaces neither good speech nor bad speech of more takes. An entry is written before its object and removed after
    it, so that a crash leaves no object without an entry; bad speech under an entry of good speech is a miss and kept until that
    is written. Losing an entry costs time, never correctness, so the cache's failures are logged and ignored.

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
        self._objects = objects
        self._capacity = capacity
        self._count_lookup = count_lookup
        self._bounds = bounds
        self._size = 0
        self._uncounted = 0
        self._flights = SingleFlight[_Lookup]()
        self._pending: dict[str, _PendingEntry] = {}
        self._counting = asyncio.Lock()
        self._usages: dict[str, _Usage] = {}
        self._waiting: dict[str, Counter[str]] = {}
        self._writing = BackgroundTasks()
        self._log = structlog.get_logger("echo.speech_cache")

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
        await cache._count()
        try:
            async with running_in_background(cache._remove_outdated()):
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
        return self._size

    @staticmethod
    def key(engine: EngineSpec, utterance: Utterance, scope: str = "", *, check: str = "") -> str:
        """Return the hash of everything that an utterance's sound depends on and of its `scope` (a user; empty: all users).

        `check` names the check that the speech has passed; empty: that of all speech. Any take of an utterance may be cached.
        """
        sound = {name: value for name, value in asdict(utterance).items() if name != "take"}
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
                self._writing.start(self._store(key, voice, pending, in_use))
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
            await self._write(key, voice, self._pending_entry(key, speech), in_use)

    async def purge(self, voice: str) -> int:
        """Remove all entries of a voice and return their number. Raises `StoreUnavailableError`, `StorageUnavailableError`."""
        removed = 0
        async for entry in self._entries.find({"voice": voice}):
            await self._remove(entry, {"_id": entry["_id"]})
            removed += 1
        return removed

    async def erase(self, user_id: str) -> None:
        """Remove the entries that only this user was given, and the user's marks in all others. Raises as `purge`."""
        await self.wait_for_writes()
        async for entry in self._entries.find({}, fields=["object_key", "size", "heard_by"]):
            mark, marks = _mark(entry["_id"], user_id), set(entry.get("heard_by", ()))
            if marks == {mark}:
                await self._remove(entry, {"_id": entry["_id"]})
            elif mark in marks:
                await self._entries.update_one({"_id": entry["_id"]}, {"$pull": {"heard_by": mark}})

    async def known(self, object_keys: Sequence[str]) -> Sequence[str]:
        """Return the object keys that an entry refers to."""
        found = self._entries.find({"_id": {"$in": [key.rpartition("/")[2] for key in object_keys]}}, fields=["object_key"])
        return [str(entry["object_key"]) async for entry in found]

    async def wait_for_writes(self) -> None:
        """Wait until all pending writes have finished."""
        await self._writing.finish()

    def _pending_entry(self, key: str, speech: Speech) -> _PendingEntry:
        return _PendingEntry(encode_entry(speech), list(self._waiting.get(key, ()))[:_MAXIMUM_USERS], _bad_takes(speech))

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
        try:
            entry = await self._entries.find_one({"_id": key})
            if entry is None or self._has_expired(entry):
                return None
            blob = b"".join([block async for block in self._objects.read(entry["object_key"])])
        except ObjectNotFoundError:
            return None  # being written, or its writer died; it is then written again
        except EchoError as error:
            self._log.warning("cache_read_failed", error=error.message)
            return None
        try:
            speech = decode_entry(blob)
            verify(speech)
        except (DamagedEntryError, ImplausibleSpeechError) as error:
            self._log.warning("cache_entry_removed", key=key, error=str(error))
            with suppress(EchoError):
                await self._remove(entry, {"_id": key})
            return None
        if _bad_takes(speech) is not None and "expires_at" not in entry:
            return None  # another replica is replacing it, or its writer died; it is then written again
        if _is_final(speech):
            self._usage_of(key).hits += 1
        return _Lookup(speech, cached=True, user_marks=entry.get("heard_by", ()))

    def _has_expired(self, entry: Document) -> bool:
        """Return whether an entry holds bad speech that is to be spoken again."""
        return "expires_at" in entry and (entry["expires_at"] <= now() or entry["bounds"] != self._bounds)

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

    async def _store(self, key: str, voice: str, pending: _PendingEntry, in_use: InUse | None) -> None:
        try:
            await self._write(key, voice, pending, in_use)
        finally:
            if self._pending.get(key) is pending:
                del self._pending[key]
            if key in self._usages:
                self._writing.start(self._write_usage(key))

    async def _write(self, key: str, voice: str, pending: _PendingEntry, in_use: InUse | None) -> None:
        blob, user_marks = pending.blob, list(pending.user_marks)
        object_key = f"speech/{key[:2]}/{key}"
        fields = {
            "format": FORMAT,
            "object_key": object_key,
            "size": len(blob),
            "voice": voice,
            "heard_by": user_marks,
            "last_hit": now(),
        }
        try:
            replaced = await self._entries.find_one({"_id": key})
            await self._write_entry(key, fields, pending.takes)
            await self._objects.put(object_key, blob, "application/octet-stream")
            added = len(blob) - (0 if replaced is None else replaced["size"])
            self._size += added
            self._uncounted += added
            # checked once the entry exists, because a later purge finds it
            if in_use is not None and not await in_use():
                await self._remove({"object_key": object_key, "size": len(blob)}, {"_id": key})
            # other replicas write too: count regularly, not only when this replica's share would fill the cache
            if self._size > self._capacity or self._uncounted > self._capacity * _RECOUNT_SHARE:
                await self._make_room()
        except DuplicateError:
            return  # another replica has stored better speech
        except EchoError as error:
            self._log.warning("cache_write_failed", error=error.message)

    async def _write_entry(self, key: str, fields: Document, takes: int | None) -> None:
        """Write an entry of good speech, or of bad speech of a number of takes. Raises `DuplicateError` if there is a better one."""
        if takes is None:
            update = {"$set": fields, "$unset": {"expires_at": "", "takes": "", "bounds": ""}, "$inc": {"hits": 0}}
            await self._entries.upsert({"_id": key}, update)
            return
        worse = [{"takes": {"$lte": takes}}, {"expires_at": {"$lte": now()}}, {"bounds": {"$ne": self._bounds}}]
        expiry = {"expires_at": now() + timedelta(seconds=_BAD_SPEECH_SECONDS), "takes": takes, "bounds": self._bounds}
        where = {"_id": key, "expires_at": {"$exists": True}, "$or": worse}
        await self._entries.upsert(where, {"$set": {**fields, **expiry}, "$inc": {"hits": 0}})

    async def _count(self) -> None:
        self._uncounted = 0
        self._size = sum([entry["size"] async for entry in self._entries.find({}, fields=["size"])])

    async def _remove_outdated(self) -> None:
        """Remove the entries of other formats; failed removals are retried at the next start."""
        removed = 0
        try:
            async for entry in self._entries.find({"format": {"$ne": FORMAT}}):
                await self._remove(entry, {"_id": entry["_id"]})
                removed += 1
        except EchoError as error:
            self._log.warning("outdated_entries_not_removed", error=error.message)
        if removed:
            self._log.info("outdated_entries_removed", entries=removed)

    async def _make_room(self) -> None:
        async with self._counting:
            await self._count()
            if self._size <= self._capacity:
                return
            target = int(self._capacity * _KEEP_SHARE)
            async for entry in self._entries.find({}, sort=[("last_hit", 1)]):
                if self._size <= target:
                    return
                moment: datetime = entry["last_hit"]
                await self._remove(entry, {"_id": entry["_id"], "last_hit": moment})

    async def _remove(self, entry: Document, where: Filter) -> None:
        await self._objects.delete(entry["object_key"])
        if await self._entries.delete(where):
            self._size -= entry["size"]


def _bad_takes(speech: Speech) -> int | None:
    """Return the number of takes of bad speech; None for other speech."""
    return speech.quality.attempts if speech.quality is not None and speech.quality.problems else None


def _is_final(speech: Speech) -> bool:
    return speech.quality is None or speech.quality.final


def _mark(key: str, user_id: str) -> str:
    """Return the mark of a user in an entry; it cannot be linked to the user's marks in other entries."""
    return hashlib.sha256(f"{key}\n{user_id}".encode()).hexdigest()[:24]
