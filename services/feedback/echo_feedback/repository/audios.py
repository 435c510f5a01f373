"""The read model of audio that can be rated, built from the events of synthesis."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from echo_common.clock import now
from echo_common.contracts.events.synthesis import AudioCreated, AudioRevised
from echo_common.store.port import Document, DuplicateError, Index, Store
from echo_feedback.domain.audios import RatedAudio

_DELETED_KEPT_SECONDS: Final = 30 * 24 * 3600
_LENGTH: Final = {"duration", "word_count"}


class Audios:
    """The read model of audio. Events may arrive twice, late and in any order: deleted audio is known for 30 days."""

    def __init__(self, store: Store) -> None:
        self._audios = store.collection("audios")
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._audios.ensure([Index([("user_id", 1)]), Index([("deleted_at", 1)], ttl=_DELETED_KEPT_SECONDS)])

    async def apply(self, event: AudioCreated) -> None:
        """Add the audio, unless it is deleted; end the waits for it. The length of a revision that is known already stays."""
        fields: Document = event.model_dump(include={"user_id", "voice_id", "engine"})
        fields["created_at"] = event.occurred_at
        length = event.model_dump(include=_LENGTH)
        try:
            await self._audios.insert({"_id": event.audio_id, **fields, **length})
        except DuplicateError:
            revised = {"_id": event.audio_id, "created_at": {"$exists": False}, "deleted_at": {"$exists": False}}
            await self._audios.update_one(revised, {"$set": fields})
        for waiting in self._waiting.get(event.audio_id, ()):
            waiting.set()

    async def revise(self, event: AudioRevised) -> None:
        """Update the length of an audio, unless a later revision is known; also before the event of its creation arrives."""
        older = {
            "_id": event.audio_id,
            "deleted_at": {"$exists": False},
            "revision": {"$not": {"$gte": event.counter or event.revision}},
        }
        fields = {**event.model_dump(include=_LENGTH), "revision": event.counter or event.revision}
        if not await self._audios.update_one(older, {"$set": fields}):
            try:
                await self._audios.insert({"_id": event.audio_id, **fields})
            except DuplicateError:  # deleted, of a later revision, or added meanwhile
                await self._audios.update_one(older, {"$set": fields})

    async def delete(self, audio_id: str) -> None:
        """Delete the audio, also before the event of its creation arrives."""
        fields = ("user_id", "voice_id", "engine", "duration", "word_count", "created_at", "revision")
        update = {"$set": {"deleted_at": now()}, "$unset": dict.fromkeys(fields, "")}
        if not await self._audios.update_one({"_id": audio_id}, update):
            try:
                await self._audios.insert({"_id": audio_id, "deleted_at": now()})
            except DuplicateError:
                await self._audios.update_one({"_id": audio_id}, update)

    async def find(self, audio_id: str, user_id: str) -> RatedAudio | None:
        """Return the user's audio; None for an unknown or deleted one, and for another user's."""
        found = await self._audios.find_one({"_id": audio_id, "user_id": user_id})
        if found is None:
            return None
        return RatedAudio(
            id=audio_id,
            user_id=user_id,
            **{name: found[name] for name in ("voice_id", "engine", "duration", "word_count")},
        )

    async def knows(self, audio_id: str) -> bool:
        """Return whether the event of the audio's creation or deletion has arrived."""
        arrived = {"_id": audio_id, "$or": [{"user_id": {"$exists": True}}, {"deleted_at": {"$exists": True}}]}
        return await self._audios.find_one(arrived) is not None

    def expects(self, audio_id: str) -> bool:
        """Return whether a request in this process waits for the audio."""
        return audio_id in self._waiting

    @contextmanager
    def waiting(self, audio_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when the audio arrives in this process."""
        arrived = asyncio.Event()
        self._waiting[audio_id].add(arrived)
        try:
            yield arrived
        finally:
            self._waiting[audio_id].discard(arrived)
            if not self._waiting[audio_id]:
                del self._waiting[audio_id]

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self._audios.delete({"user_id": user_id})
