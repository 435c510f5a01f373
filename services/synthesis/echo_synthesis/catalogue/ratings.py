"""The read model of the voices' mean ratings, built from the feedback service's events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from echo_common.contracts.events.feedback import VoiceRatingChanged
from echo_common.store.port import Store
from echo_synthesis.catalogue.newest_state import store_newest


@dataclass(frozen=True, slots=True)
class MeanRating:
    """The mean of a voice's ratings, from 1 to 5, and their number."""

    mean: float
    count: int


class VoiceRatings:
    """The read model of mean ratings; the event with the highest revision counts."""

    def __init__(self, store: Store) -> None:
        self._ratings = store.collection("voice_ratings")

    async def prepare(self) -> None:
        """Create the collection; call once at start."""
        await self._ratings.ensure([])

    async def apply(self, event: VoiceRatingChanged) -> None:
        """Apply an event, unless a later one was applied."""
        fields = event.model_dump(include={"mean", "count", "revision"})
        await store_newest(self._ratings, event.voice_id, fields)

    async def find(self, voice_ids: Collection[str]) -> Mapping[str, MeanRating]:
        """Return the mean ratings of the rated ones of these voices."""
        found = self._ratings.find({"_id": {"$in": list(voice_ids)}, "count": {"$gt": 0}})
        return {rated["_id"]: MeanRating(rated["mean"], rated["count"]) async for rated in found}
