"""Repository of ratings."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar
from weakref import WeakValueDictionary

from echo_common.contracts.errors.feedback import RatingNotFoundError
from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository, StaleError
from echo_common.store.port import DuplicateError, Index, Store
from echo_feedback.domain.ratings import Rating


class Ratings(Repository[Rating]):
    """The repository of ratings; deleted ones stay without content."""

    aggregate = Rating
    name = "ratings"
    missing = RatingNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("audio_id", 1)], unique=True),
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("audio_id", 1)]),
        Index([("voice_id", 1), ("created_at", -1)]),
        Index([("engine", 1), ("created_at", -1)]),
        Index([("created_at", -1)]),
    )

    def __init__(self, store: Store, relay: Relay) -> None:
        super().__init__(store, relay)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def change_or_add(
        self, user_id: str, audio_id: str, create: Callable[[], Rating], change: Callable[[Rating], object]
    ) -> Rating:
        """Change the user's rating of an audio, or a created one and add it; return it.

        Concurrent calls in this process are carried out one after another, so that only those of other replicas conflict.
        Raises `StaleError`, `DuplicateError` or `RatingNotFoundError` after 20 attempts.
        """

        async def write() -> Rating:
            found = await self.find_one({"user_id": user_id, "audio_id": audio_id})
            if found is not None:
                return await self.amend(found, change, user_id=user_id)
            new = create()
            change(new)
            await self.add(new)
            return new

        async with self._locks.setdefault((user_id, audio_id), asyncio.Lock()):
            # another replica, or the deletion of the rating, may come in between
            return await retry_conflicts(write, DuplicateError, RatingNotFoundError)

    async def restore(self, event: RatingSubmitted | RatingDeleted) -> None:
        """Apply an event that this service published: it changes nothing unless the database has lost the rating.

        Raises `StaleError` or `DuplicateError` after 20 attempts.
        """
        await retry_conflicts(partial(self._restore, event), DuplicateError, StaleError)

    async def _restore(self, event: RatingSubmitted | RatingDeleted) -> None:
        known = await self.find_one({"_id": event.rating_id})
        if known is not None and known.revision >= event.revision:
            return
        deleted = await self._make_place(event)
        rating = known or Rating(id=event.rating_id, voice_id=event.voice_id, engine=event.engine)
        rating.created_at = event.occurred_at if known is None else known.created_at
        rating.apply(event)
        if deleted:
            rating.clear()
        await (self.save(rating) if rating.version else self.add(rating))

    async def _make_place(self, event: RatingSubmitted | RatingDeleted) -> bool:
        """Remove the user's earlier rating of the audio, whose deletion is yet to be applied.

        Return whether there is a later one instead: the rating of the event was then deleted. Ids begin with a time.
        """
        other = await self.find_one({"user_id": event.user_id, "audio_id": event.audio_id})
        if other is None or other.id == event.rating_id:
            return False
        if other.id > event.rating_id:
            return True
        with suppress(RatingNotFoundError):
            await self.update(other.id, Rating.clear, user_id=event.user_id)
        return False
