"""Repositories of tracks, and of changes of audio and voices that may arrive before the event of an audio's creation."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.values import TrackSource
from echo_common.outbox.repository import Repository
from echo_common.store.port import Document, DuplicateError, Filter, Index, Store
from echo_listening.domain.recommendations import Candidate
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.tracks import SpeechFile, Track
from echo_listening.repository.id_filters import id_filters

_CANDIDATE_FIELDS: Final = ("artists", "genres", "voice_id", "popularity", "spotify_id")
FULL_POPULARITY: Final = 100
_CHANGES_KEPT_SECONDS: Final = 30 * 24 * 3600


class Tracks(Repository[Track]):
    """The repository of tracks."""

    aggregate = Track
    name = "tracks"
    missing = TrackNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("created_at", -1)]),
        Index([("user_id", 1), ("search", 1)]),
        Index([("user_id", 1), ("artists", 1)]),
        Index([("user_id", 1), ("spotify_id", 1)], unique=True),
        Index([("spotify_id", 1)], sparse=True),
        Index([("voice_id", 1)], sparse=True),
    )

    async def stored_bytes(self, user_id: str, without: Collection[str] = ()) -> int:
        """Return the size of all uploads of a user, without those of some ids."""
        others = {"_id": {"$nin": list(without)}} if without else {}
        return await self._uploaded({"user_id": user_id, "source": TrackSource.UPLOAD.value, **others})

    async def total_bytes(self) -> int:
        """Return the size of all uploads; reads the records of all."""
        return await self._uploaded({"source": TrackSource.UPLOAD.value})

    async def _uploaded(self, where: Filter) -> int:
        return sum([document.get("size") or 0 async for document in self._documents.find(where, fields=["size"])])

    async def add_once(self, track: Track) -> None:
        """Store a new track, unless it is stored."""
        with suppress(DuplicateError):
            await self.add(track)

    async def find_by_ids(self, track_ids: Iterable[str]) -> dict[str, Track]:
        """Return the tracks with these ids by their id; unknown ones are left out."""
        found: dict[str, Track] = {}
        for some in id_filters(track_ids):
            found |= {track.id: track async for track in self.find(some)}
        return found

    async def find_owners(self, track_ids: Iterable[str]) -> dict[str, str]:
        """Return the owners of these tracks by track id, without unknown tracks; nothing else of them is read."""
        found: dict[str, str] = {}
        for some in id_filters(track_ids):
            found |= {
                one["_id"]: one["user_id"] async for one in self._documents.find(some, fields=["user_id"]) if "user_id" in one
            }
        return found

    async def find_durations(self, track_ids: Iterable[str]) -> dict[str, float]:
        """Return the seconds of those of these tracks that have audio, by track id; nothing else of them is read."""
        found: dict[str, float] = {}
        for some in id_filters(track_ids):
            with_audio = some | {"object_key": {"$exists": True}}
            durations = self._documents.find(with_audio, fields=["duration"])
            found |= {one["_id"]: one.get("duration") or 0.0 async for one in durations}
        return found

    async def candidates(self, where: Filter, limit: int) -> list[Candidate]:
        """Return the newest matches as candidates for recommendations, without features; nothing else of them is read."""
        newest = self._documents.find(where, sort=[("created_at", -1)], limit=limit, fields=_CANDIDATE_FIELDS)
        return [
            Candidate(
                track_id=found["_id"],
                artists=found.get("artists", ()),
                genres=found.get("genres", ()),
                voice_id=found.get("voice_id"),
                popularity=(found.get("popularity") or 0) / FULL_POPULARITY,
                spotify_id=found.get("spotify_id"),
            )
            async for found in newest
        ]

    async def find_spotify_tracks(self, spotify_ids: Collection[str], without_those_of: str) -> list[SpotifyTrack]:
        """Return the metadata of Spotify for these ids, but for those of which a user has a track."""
        own = self._documents.find(
            {"user_id": without_those_of, "spotify_id": {"$in": sorted(spotify_ids)}}, fields=["spotify_id"]
        )
        others = set(spotify_ids) - {one["spotify_id"] async for one in own}
        # one document each: a popular track has one for every user who has it
        found = await asyncio.gather(*(self._documents.find_one({"spotify_id": one}) for one in sorted(others)))
        return [SpotifyTrack.model_validate(one) for one in found if one is not None]


class AudioChanges:
    """Revisions and deletions of audio, and deletions of its track and of voices, kept for 30 days.

    Each event has its own queue, so they may overtake the creation of an audio.
    """

    def __init__(self, store: Store) -> None:
        self._changes = store.collection("audio_changes")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._changes.ensure([Index([("changed_at", 1)], ttl=_CHANGES_KEPT_SECONDS), Index([("user_id", 1)])])

    async def add_revision(self, audio_id: str, user_id: str, file: SpeechFile) -> None:
        """Store the file of an audio, unless a later one or its deletion is stored."""
        older = {"_id": audio_id, "deleted": {"$exists": False}, "file.counter": {"$not": {"$gte": file.counter}}}
        fields: Document = {"user_id": user_id, "file": file.model_dump(), "changed_at": now()}
        if not await self._changes.update_one(older, {"$set": fields}):
            try:
                await self._changes.insert({"_id": audio_id, **fields})
            except DuplicateError:
                await self._changes.update_one(older, {"$set": fields})

    async def add_deletion(self, deleted_id: str) -> None:
        """Store that an audio, its track or a voice is deleted; nothing else of it is kept."""
        update = {"$set": {"deleted": True, "changed_at": now()}, "$unset": {"user_id": "", "file": ""}}
        if not await self._changes.update_one({"_id": deleted_id}, update):
            try:
                await self._changes.insert({"_id": deleted_id, "deleted": True, "changed_at": now()})
            except DuplicateError:
                await self._changes.update_one({"_id": deleted_id}, update)

    async def is_deleted(self, deleted_id: str) -> bool:
        """Return whether an audio, its track or a voice is deleted."""
        return await self._changes.find_one({"_id": deleted_id, "deleted": True}) is not None

    async def find_file(self, audio_id: str) -> SpeechFile | None:
        """Return the file of the latest revision; None if the audio was not revised."""
        found = await self._changes.find_one({"_id": audio_id, "file": {"$exists": True}})
        return None if found is None else SpeechFile.model_validate(found["file"])

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self._changes.delete({"user_id": user_id})
