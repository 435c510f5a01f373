"""Repository of analyses."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.values import JobStatus
from echo_common.store.port import DuplicateError, Index
from echo_common.work.repository import TaskRepository
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.features import TrackFeatures


class Analyses(TaskRepository[TrackAnalysis]):
    """The repository of analyses, by the id of their tracks."""

    aggregate = TrackAnalysis
    name = "track_features"
    id_label = "track_id"
    missing = TrackNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("status", 1), ("created_at", 1)]), Index([("user_id", 1)]))

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
