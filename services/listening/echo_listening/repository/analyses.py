"""Repository of analyses."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.values import JobStatus
from echo_common.store.port import DuplicateError, Index, Sort
from echo_common.work.repository import TaskRepository
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.features import TrackFeatures

_LONGEST: Final = timedelta(minutes=2)
"""Longest usual time of an analysis."""


class Analyses(TaskRepository[TrackAnalysis]):
    """The repository of analyses, by the id of their tracks."""

    aggregate = TrackAnalysis
    name = "track_features"
    id_label = "track_id"
    missing = TrackNotFoundError
    queue_order: ClassVar[Sort] = (("turn", 1),)
    indexes: ClassVar[Sequence[Index]] = (Index([("status", 1), ("turn", 1)]), Index([("user_id", 1), ("status", 1)]))

    async def add(self, aggregate: TrackAnalysis) -> None:
        """Insert a new analysis."""
        await self._set_turn(aggregate)
        await super().add(aggregate)

    async def save(self, aggregate: TrackAnalysis) -> None:
        """Write the changed fields of an analysis; one that is repeated gets another turn."""
        before = aggregate.stored_state.get(aggregate.status_field)
        if before is not None and JobStatus(before).terminal:
            await self._set_turn(aggregate)
        await super().save(aggregate)

    async def _set_turn(self, analysis: TrackAnalysis) -> None:
        """Place a pending analysis as if each one before it of the same user took the longest time.

        Those of users with few pending analyses are performed between those of a user with many.
        """
        if analysis.status is JobStatus.PENDING:
            waiting = await self.count({"user_id": analysis.user_id, "status": JobStatus.PENDING.value})
            analysis.turn = now() + waiting * _LONGEST

    async def queue(self, analysis: TrackAnalysis) -> None:
        """Store a new analysis, or queue the stored one again for a later revision of the audio."""
        try:
            await self.add(analysis)
        except DuplicateError:
            await self.update(analysis.id, lambda held: held.revise(analysis.audio_counter))

    async def of_tracks(self, track_ids: Sequence[str]) -> Mapping[str, TrackAnalysis]:
        """Return the analyses of these tracks by track id, as far as there are any."""
        return {one.id: one async for one in self.find({"_id": {"$in": list(track_ids)}})} if track_ids else {}

    async def features_of_user(self, user_id: str) -> Mapping[str, TrackFeatures]:
        """Return the features of all analysed tracks of a user by track id; nothing else is read."""
        complete = self._documents.find({"user_id": user_id, "status": JobStatus.COMPLETED.value}, fields=["features"])
        return {
            found["_id"]: TrackFeatures.model_validate(found["features"]) async for found in complete if found.get("features")
        }
