"""Entries of the speech cache in the database, and their objects."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from echo_common.clock import now
from echo_common.errors import EchoError
from echo_common.storage.port import ObjectNotFoundError, ObjectStore
from echo_common.store.port import Collection, Document, DuplicateError, Filter
from echo_synthesis.cache.cache_entry import FORMAT, DamagedEntryError, decode_entry
from echo_synthesis.engine import Speech
from echo_synthesis.speech_check import ImplausibleSpeechError

_KEEP_SHARE = 0.9
_RECOUNT_SHARE = 0.05

_BAD_SPEECH_SECONDS = 86_400.0
"""Seconds after which bad speech is spoken again: an engine with random output may then speak well."""

InUse = Callable[[], Awaitable[bool]]
Verify = Callable[[Speech], None]
"""Function that raises `ImplausibleSpeechError` for speech that cannot belong to the text."""


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """A speech that is being written, marks of its users, and the number of its takes if it is bad."""

    blob: bytes
    user_marks: Sequence[str]
    takes: int | None


@dataclass(frozen=True, slots=True)
class StoredSpeech:
    """A speech that was read, and marks of its users."""

    speech: Speech
    user_marks: Sequence[str]


class EntryStore:
    """Entries and objects of cached speech, bounded in bytes, with LRU eviction.

    An entry is written before its object and removed after it, so that a crash leaves no object without an entry; bad speech
    under an entry of good speech is a miss and kept until that is written.
    """

    def __init__(self, entries: Collection, objects: ObjectStore, capacity: int, bounds: str) -> None:
        self._entries = entries
        self._objects = objects
        self._capacity = capacity
        self._bounds = bounds
        self._size = 0
        self._uncounted = 0
        self._counting = asyncio.Lock()
        self._log = structlog.get_logger("echo.speech_cache")

    @property
    def size_bytes(self) -> int:
        """Size of the entries, as far as this replica has counted them."""
        return self._size

    async def read(self, key: str, verify: Verify) -> StoredSpeech | None:
        """Return the speech of an entry; None if there is none that can be served or continued. Failures are logged."""
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
                await self.remove(entry, {"_id": key})
            return None
        if count_bad_takes(speech) is not None and "expires_at" not in entry:
            return None  # another replica is replacing it, or its writer died; it is then written again
        return StoredSpeech(speech, entry.get("heard_by", ()))

    def _has_expired(self, entry: Document) -> bool:
        """Return whether an entry holds bad speech that is to be spoken again."""
        return "expires_at" in entry and (entry["expires_at"] <= now() or entry["bounds"] != self._bounds)

    async def purge(self, voice: str) -> int:
        """Remove all entries of a voice and return their number. Raises `StoreUnavailableError`, `StorageUnavailableError`."""
        removed = 0
        async for entry in self._entries.find({"voice": voice}):
            await self.remove(entry, {"_id": entry["_id"]})
            removed += 1
        return removed

    async def known(self, object_keys: Sequence[str]) -> Sequence[str]:
        """Return the object keys that an entry refers to."""
        found = self._entries.find({"_id": {"$in": [key.rpartition("/")[2] for key in object_keys]}}, fields=["object_key"])
        return [str(entry["object_key"]) async for entry in found]

    async def write(self, key: str, voice: str, pending: PendingEntry, in_use: InUse | None) -> None:
        """Write an entry and its object, unless there is better speech or the voice was purged. Failures are logged."""
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
                await self.remove({"object_key": object_key, "size": len(blob)}, {"_id": key})
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

    async def count(self) -> None:
        """Count the bytes of all entries."""
        self._uncounted = 0
        self._size = sum([entry["size"] async for entry in self._entries.find({}, fields=["size"])])

    async def remove_outdated(self) -> None:
        """Remove the entries of other formats; failed removals are retried at the next start."""
        removed = 0
        try:
            async for entry in self._entries.find({"format": {"$ne": FORMAT}}):
                await self.remove(entry, {"_id": entry["_id"]})
                removed += 1
        except EchoError as error:
            self._log.warning("outdated_entries_not_removed", error=error.message)
        if removed:
            self._log.info("outdated_entries_removed", entries=removed)

    async def _make_room(self) -> None:
        async with self._counting:
            await self.count()
            if self._size <= self._capacity:
                return
            target = int(self._capacity * _KEEP_SHARE)
            async for entry in self._entries.find({}, sort=[("last_hit", 1)]):
                if self._size <= target:
                    return
                moment: datetime = entry["last_hit"]
                await self.remove(entry, {"_id": entry["_id"], "last_hit": moment})

    async def remove(self, entry: Document, where: Filter) -> None:
        """Remove an object, and its entry if that still matches. Raises as `purge`."""
        await self._objects.delete(entry["object_key"])
        if await self._entries.delete(where):
            self._size -= entry["size"]


def count_bad_takes(speech: Speech) -> int | None:
    """Return the number of takes of bad speech; None for other speech."""
    return speech.quality.attempts if speech.quality is not None and speech.quality.problems else None
