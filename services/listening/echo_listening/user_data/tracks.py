"""The tracks of users: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.values import AnalysisStatus, TrackSource
from echo_common.faults import FaultPoints
from echo_common.quotas.counters import Quotas
from echo_common.storage.port import ObjectInfo, ObjectStore
from echo_common.user_data.erasure import erase_matching
from echo_common.user_data.export import extension_of, file_name
from echo_listening.domain.tracks import Track
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.usecases.uploads import remove_objects
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.tracks import track_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class TracksOfUser(UserDataPart):
    """The tracks of users. The bytes of speech belong to synthesis, which erases and exports them."""

    tracks: Tracks
    audio_changes: AudioChanges
    stored: ObjectStore
    quotas: Quotas
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the tracks of a user."""
        await erase_matching(self.tracks, {"user_id": user_id}, Track.delete, self.faults, before=self._remove_objects)
        await self.audio_changes.erase(user_id)
        await self.quotas.erase(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the tracks."""
        async for track in self.tracks.find({"user_id": user_id}, sort=_OLDEST):
            fields = track_view(track, AnalysisStatus.PENDING).model_dump(mode="json", exclude={"features_status"})
            yield ExportedDocument(collection="tracks", fields=fields)

    async def objects(self, user_id: str) -> AsyncIterator[ExportedObject]:
        """Yield the files of uploads."""
        async for track in self.tracks.find({"user_id": user_id, "source": TrackSource.UPLOAD.value}, sort=_OLDEST):
            if (info := _file_of(track)) is not None:
                yield ExportedObject(
                    id=track.id,
                    name=file_name("tracks", track.name, track.id, extension_of(info.mime), track.created_at),
                    size=info.size,
                    checksum=info.checksum,
                    mime=info.mime,
                    created_at=track.created_at,
                )

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo | None:
        """Return the file of an upload."""
        where = {"_id": object_id, "user_id": user_id, "source": TrackSource.UPLOAD.value}
        track = await self.tracks.find_one(where)
        return None if track is None else _file_of(track)

    async def _remove_objects(self, track: Track) -> None:
        if track.source is TrackSource.UPLOAD:
            await remove_objects(track.id, self.stored)


def _file_of(track: Track) -> ObjectInfo | None:
    if track.object_key is None or track.mime is None or track.size is None or track.checksum is None:
        return None
    return ObjectInfo(key=track.object_key, size=track.size, mime=track.mime, checksum=track.checksum)
