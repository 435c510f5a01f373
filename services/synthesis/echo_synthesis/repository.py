"""Repositories of jobs, audio, lexicon entries and text entries."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import (
    AudioNotFoundError,
    DictionaryEntryNotFoundError,
    JobNotFoundError,
    TextNotFoundError,
)
from echo_common.contracts.values import JobStatus
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Filter, Index, Sort, Store
from echo_common.work.lease import LeaseLostError
from echo_common.work.repository import TaskRepository
from echo_synthesis.domain import Audio, DictionaryEntry, Job, TextEntry

_ENDS_KNOWN = 10_000
"""Maximum number of users whose last pending job is cached."""


class Jobs(TaskRepository[Job]):
    """Repository of jobs, indexed by owner, status and idempotency key."""

    aggregate = Job
    name = "jobs"
    missing = JobNotFoundError
    queue_order: ClassVar[Sort] = (("due", 1),)
    large_fields = ("search", "text", "script")
    id_label = "job_id"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("status", 1), ("due", 1)]),
        Index([("user_id", 1), ("status", 1), ("due", -1)]),
        Index([("user_id", 1), ("replaces.audio_id", 1), ("created_at", -1)]),
        Index([("synthesis_id", 1)]),
        Index([("idempotency_key", 1)], unique=True),
    )

    def __init__(self, store: Store, relay: Relay) -> None:
        super().__init__(store, relay)
        self._ends: dict[str, datetime] = {}

    def unread(self, *, with_text: bool) -> Collection[str]:
        """Return the fields that no view needs."""
        return [name for name in self.large_fields if not (with_text and name == "text")]

    async def get_summary(self, where: Filter, *, with_text: bool = False) -> Job:
        """Return the job without its script and, by default, without its text. Raises `JobNotFoundError`."""
        async for job in self.find(where, limit=1, without=self.unread(with_text=with_text)):
            return job
        raise self.missing

    def may_start(self) -> Filter:
        """Return the filter for jobs whose engine is not expected to be unavailable."""
        return {"not_before": {"$not": {"$gt": now()}}}

    async def last_pending(self, user_id: str) -> Job | None:
        """Return the user's last pending job, without its text; None without one.

        To avoid reading a long queue for every new job, the search starts at the last known end of the user's queue.
        """
        waiting = {"user_id": user_id, "status": JobStatus.PENDING.value}
        known = self._ends.get(user_id)
        last = await self._last({**waiting, "due": {"$gte": known}}) if known else None
        last = last or await self._last(waiting)
        if last is None:
            self._ends.pop(user_id, None)
        else:
            if len(self._ends) >= _ENDS_KNOWN:
                self._ends.clear()
            self._ends[user_id] = last.due
        return last

    async def _last(self, where: Filter) -> Job | None:
        async for job in self.find(where, sort=[("due", -1)], limit=1, without=self.large_fields):
            return job
        return None

    async def count_pending(self, user_id: str) -> int:
        """Return the number of the user's pending jobs."""
        return await self.count({"user_id": user_id, "status": JobStatus.PENDING.value})

    async def expected_bytes(self, user_id: str, without: Collection[str] = ()) -> int:
        """Return the estimated size of the audio of the user's jobs that have not ended, without those of some ids."""
        others = {"_id": {"$nin": list(without)}} if without else {}
        unended = {"$in": [JobStatus.PENDING.value, JobStatus.PROCESSING.value]}
        found = self._documents.find({"user_id": user_id, "status": unended, **others}, fields=["counted_bytes"])
        return sum([document.get("counted_bytes", 0) async for document in found])

    async def before(self, job: Job) -> int:
        """Return the number of pending jobs before this one."""
        return await self.count({"status": JobStatus.PENDING.value, "due": {"$lt": job.due}})


class AudioRepository(Repository[Audio]):
    """Repository of audio, indexed by owner."""

    aggregate = Audio
    name = "audio"
    missing = AudioNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("user_id", 1), ("job_id", 1), ("created_at", -1)]),
        Index([("synthesis_id", 1)]),
        Index([("checksum", 1)]),
        Index([("earlier_checksums", 1)]),
    )

    async def stored_bytes(self, user_id: str, without: Collection[str] = ()) -> int:
        """Return the size of all audio of the user with earlier revisions and lossless copies, without those of some ids."""
        others = {"_id": {"$nin": list(without)}} if without else {}
        found = self._documents.find({"user_id": user_id, **others}, fields=["size", "further_bytes"])
        return sum([document.get("size", 0) + document.get("further_bytes", 0) async for document in found])

    async def total_bytes(self) -> int:
        """Return the size of all audio with earlier revisions and lossless copies; reads the records of all."""
        found = self._documents.find({}, fields=["size", "further_bytes"])
        return sum([document.get("size", 0) + document.get("further_bytes", 0) async for document in found])

    async def find_one(self, where: Filter) -> Audio | None:
        """Return the first match without its text, or None."""
        async for audio in self.find(where, limit=1, without=("text",)):
            return audio
        return None

    async def get_with_text(self, key: str, **where: str) -> Audio:
        """Return the audio with its text. Raises `AudioNotFoundError`."""
        async for audio in self.find({"_id": key, **where}, limit=1):
            return audio
        raise self.missing

    async def put(self, audio: Audio) -> None:
        """Save an attempt's audio in place of an earlier attempt's. Raises `LeaseLostError` if a later one is saved."""
        try:
            await self.add(audio)
        except DuplicateError:
            earlier = await self.find_one({"_id": audio.id})
            if earlier is None or earlier.attempt >= audio.attempt:
                raise LeaseLostError(audio.id) from None
            audio.version = earlier.version
            await self.save(audio)

    async def withdraw(self, audio: Audio) -> None:
        """Delete an audio that its job rejected, unless another attempt has replaced it."""
        held = await self.find_one({"_id": audio.id, "attempt": audio.attempt})
        if held is not None:
            held.erase()
            await self.save(held)


class Dictionary(Repository[DictionaryEntry]):
    """Repository of the users' lexicons: one entry for each term and scope."""

    aggregate = DictionaryEntry
    name = "dictionary_entries"
    missing = DictionaryEntryNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("user_id", 1), ("place", 1)], unique=True),)

    async def of(self, user_id: str) -> Sequence[DictionaryEntry]:
        """Return all entries of a user."""
        return [entry async for entry in self.find({"user_id": user_id})]


class Texts(Repository[TextEntry]):
    """Repository of text entries, indexed by owner."""

    aggregate = TextEntry
    name = "texts"
    missing = TextNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("user_id", 1), ("created_at", -1)]),)
