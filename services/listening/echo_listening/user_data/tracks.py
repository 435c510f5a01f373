"""The tracks of users: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.contracts.values import AnalysisStatus
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import erase_matching
from echo_listening.domain.tracks import Track
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.tracks import track_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class TracksOfUser(UserDataPart):
    """The tracks of users. The bytes of speech belong to synthesis, which erases and exports them."""

    tracks: Tracks
    audio_changes: AudioChanges
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the tracks of a user."""
        await erase_matching(self.tracks, {"user_id": user_id}, Track.delete, self.faults)
        await self.audio_changes.erase(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the tracks."""
        async for track in self.tracks.find({"user_id": user_id}, sort=_OLDEST):
            fields = track_view(track, AnalysisStatus.PENDING).model_dump(mode="json", exclude={"features_status"})
            yield ExportedDocument(collection="tracks", fields=fields)
