"""Repositories of the voice service."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import ClassVar

from echo_common.clock import now
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import (
    CloneNotFoundError,
    ConsentNotFoundError,
    EchoNotFoundError,
    EchoRevisionNotFoundError,
    SampleNotFoundError,
)
from echo_common.errors import RateLimitedError
from echo_common.outbox.repository import Repository
from echo_common.store.port import Document, DuplicateError, Index, Store
from echo_common.work.repository import TaskRepository
from echo_voice.domain.consents import Consent, Phrase
from echo_voice.domain.echos import EARLIER_VOICE_FIELD, KEPT_REVISIONS, Echo, EchoRevision
from echo_voice.domain.samples import Sample
from echo_voice.domain.voice_models import Preference, VoiceModel

_BY_OWNER = Index([("user_id", 1), ("created_at", -1)])
_BY_TASK = (Index([("work", 1), ("created_at", 1)]), Index([("job_id", 1)]), Index([("history.job_id", 1)]))
_PHRASE_SECONDS = 24 * 3600
_DAYS_KEPT_SECONDS = 2 * 24 * 3600


class Samples(TaskRepository[Sample]):
    """The repository of samples."""

    aggregate = Sample
    name = "samples"
    missing = SampleNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER, *_BY_TASK, Index([("original.checksum", 1)]))

    async def stored_bytes(self, user_id: str, without: Collection[str] = ()) -> int:
        """Return the size of all files of the user's samples, without those of some ids."""
        others = {"_id": {"$nin": list(without)}} if without else {}
        found = self._documents.find({"user_id": user_id, **others}, fields=["original", "processed"])
        files = [file async for document in found for file in (document.get("original"), document.get("processed")) if file]
        return sum(file["size"] for file in files)

    async def total_bytes(self) -> int:
        """Return the size of all files of samples; reads the records of all."""
        found = self._documents.find({}, fields=["original", "processed"])
        files = [file async for document in found for file in (document.get("original"), document.get("processed")) if file]
        return sum(file["size"] for file in files)


class VoiceModels(TaskRepository[VoiceModel]):
    """The repository of voice models."""

    aggregate = VoiceModel
    name = "voice_models"
    missing = CloneNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        _BY_OWNER,
        *_BY_TASK,
        Index([("consent_id", 1)]),
        Index([("mixed_from.voice_id", 1)], sparse=True),
        Index([("made.reference", 1)], sparse=True),
    )


class AnonymousUploads:
    """Limits on uploads without a token: concurrent ones in this process, and a daily total across all processes."""

    def __init__(self, store: Store, *, at_once: int, a_day: int) -> None:
        self._days = store.collection("anonymous_uploads")
        self._at_once = at_once
        self._a_day = a_day
        self._running = 0

    async def prepare(self) -> None:
        """Create the collection; call once at start."""
        await self._days.ensure([Index([("created_at", 1)], ttl=_DAYS_KEPT_SECONDS)])

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Count an upload while the context is open. Raises `RateLimitedError`, `QuotaExceededError`."""
        if self._running >= self._at_once:
            raise RateLimitedError("Too many uploads without a token at once; try again shortly.", retry_after=5)
        self._running += 1
        try:
            await self._count_today()
            yield
        finally:
            self._running -= 1

    async def _count_today(self) -> None:
        moment = now()
        day = moment.date().isoformat()
        if not self._a_day:
            return
        with suppress(DuplicateError):
            await self._days.insert({"_id": day, "uploads": 0, "created_at": moment})
        if not await self._days.update_one({"_id": day, "uploads": {"$lt": self._a_day}}, {"$inc": {"uploads": 1}}):
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            message = f"{self._a_day} uploads without a token are taken a day. Send a token, or try again tomorrow."
            raise QuotaExceededError(message, retry_after=int((midnight - moment).total_seconds()) + 1)


class Consents(Repository[Consent]):
    """The repository of consents, kept as evidence of permission."""

    aggregate = Consent
    name = "consents"
    missing = ConsentNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER,)


class Phrases(Repository[Phrase]):
    """The repository of consent phrases, which expire after a day."""

    aggregate = Phrase
    name = "consent_phrases"
    missing = ConsentNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER, Index([("created_at", 1)], ttl=_PHRASE_SECONDS))


class Preferences(Repository[Preference]):
    """The repository of selected voices, keyed by user id."""

    aggregate = Preference
    name = "preferences"


class Echos(Repository[Echo]):
    """The repository of echos."""

    aggregate = Echo
    name = "echos"
    missing = EchoNotFoundError
    indexes: ClassVar[Sequence[Index]] = (_BY_OWNER,)

    def _loaded(self, document: Document) -> Echo:
        """Load an echo; the next save renames the field of an earlier version."""
        echo = super()._loaded(document)
        if EARLIER_VOICE_FIELD in document:
            state = {name: value for name, value in echo.stored_state.items() if name != "voice_id"}
            echo.set_stored_state({**state, EARLIER_VOICE_FIELD: document[EARLIER_VOICE_FIELD]})
        return echo


class EchoRevisions(Repository[EchoRevision]):
    """The repository of earlier states of echos."""

    aggregate = EchoRevision
    name = "echo_revisions"
    missing = EchoRevisionNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("echo_id", 1), ("revision", 1)], unique=True), Index([("user_id", 1)]))

    async def keep(self, revision: EchoRevision) -> None:
        """Store a state, unless it is stored."""
        with suppress(DuplicateError):
            await self.add(revision)

    async def trim(self, echo: Echo) -> None:
        """Delete the oldest states of an echo, beyond the number that is kept."""
        await self._documents.delete({"echo_id": echo.id, "revision": {"$lt": echo.revision - KEPT_REVISIONS}})

    async def remove_all(self, echo_id: str) -> None:
        """Delete all states of an echo."""
        await self._documents.delete({"echo_id": echo_id})
