"""Repository of ratings."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from echo_common.contracts.errors.feedback import RatingNotFoundError
from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Index
from echo_feedback.domain.ratings import RATINGS, Rating
from echo_feedback.domain.summaries import Distribution, Subject


class Ratings(Repository[Rating]):
    """The repository of ratings; deleted ones stay without content."""

    aggregate = Rating
    name = "ratings"
    missing = RatingNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("audio_id", 1)]),
        Index([("voice_id", 1), ("counts_for_voice", 1), ("rating", 1)]),
        Index([("engine", 1), ("rating", 1)]),
        Index([("created_at", -1)]),
    )

    async def change_or_add(self, new: Rating, change: Callable[[Rating], object]) -> Rating:
        """Change the rating with the id of `new`, or change and add `new` itself if there is none; return it."""
        if await self.find_one({"_id": new.id}) is None:
            change(new)
            try:
                await self.add(new)
            except DuplicateError:
                pass  # a concurrent request was faster
            else:
                return new
        return await self.update(new.id, change)

    async def apply(self, event: RatingSubmitted | RatingDeleted) -> None:
        """Apply an event that this service published: it changes nothing unless the database has lost the rating."""
        known = await self.find_one({"_id": event.rating_id})
        if known is not None and known.revision >= event.revision:
            return
        new = Rating(id=event.rating_id, voice_id=event.voice_id, engine=event.engine, created_at=event.occurred_at)
        await self.change_or_add(new, lambda rating: rating.apply(event))

    async def distribution(self, subject: Subject, name: str) -> Distribution:
        """Count the ratings of a voice or an engine by value."""
        where = {"voice_id": name, "counts_for_voice": True} if subject is Subject.VOICE else {"engine": name}
        one, two, three, four, five = [await self.count({**where, "rating": rating}) for rating in RATINGS]
        return one, two, three, four, five
