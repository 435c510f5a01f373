"""Repositories of playlists and of their earlier updates."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from echo_common.contracts.errors.playlists import PlaylistNotFoundError, PlaylistRevisionNotFoundError
from echo_common.faults import FaultPoints
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository, StaleError
from echo_common.store.port import DuplicateError, Index, Store
from echo_listening.domain.playlists import KEPT_STATES, Playlist, PlaylistUpdate
from echo_listening.repository.shared_tracks import find_shared_tracks


class PlaylistUpdates(Repository[PlaylistUpdate]):
    """The repository of earlier updates of playlists."""

    aggregate = PlaylistUpdate
    name = "playlist_updates"
    missing = PlaylistRevisionNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("playlist_id", 1), ("revision", 1)], unique=True),
        Index([("playlist_id", 1), ("timestamp", -1)]),
        Index([("user_id", 1)], sparse=True),
        Index([("creator_id", 1)]),
    )

    async def keep(self, update: PlaylistUpdate) -> None:
        """Store an update, unless it is stored."""
        with suppress(DuplicateError):
            await self.add(update)

    async def trim(self, playlist: Playlist) -> None:
        """Remove the states that are no longer kept; a crash leaves some to one of the next changes."""
        last = playlist.revision - playlist.kept_states
        old = {"playlist_id": playlist.id, "revision": {"$gt": last - KEPT_STATES, "$lte": last}, "restorable": True}
        await self._documents.update_many(old, {"$set": {"restorable": False}, "$unset": {"state": ""}})

    async def remove_all(self, playlist_id: str) -> None:
        """Delete all updates of a playlist."""
        await self._documents.delete({"playlist_id": playlist_id})

    async def erase_user(self, user_id: str) -> None:
        """Delete the updates of a user's playlists, and the user's id in those of others."""
        await self._documents.delete({"creator_id": user_id})
        await self._documents.update_many({"user_id": user_id}, {"$unset": {"user_id": ""}})


class Playlists(Repository[Playlist]):
    """The repository of playlists. `change` keeps the update before the change."""

    aggregate = Playlist
    name = "playlists"
    missing = PlaylistNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("creator_id", 1), ("created_at", -1)]),
        Index([("creator_id", 1), ("spotify_id", 1)]),
        Index([("user_ids", 1), ("updated_at", -1)]),
        Index([("items.track_id", 1)]),
        Index([("session_id", 1)], sparse=True),
        Index([("latest.user_id", 1)]),
        Index([("created_at", 1)]),
    )

    def __init__(self, store: Store, relay: Relay, updates: PlaylistUpdates, faults: FaultPoints) -> None:
        super().__init__(store, relay)
        self._updates = updates
        self._faults = faults

    async def find_audible(self, track_ids: Collection[str], user_id: str) -> Collection[str]:
        """Return those of the tracks that are in playlists that the user owns or collaborates on."""
        return await find_shared_tracks(self._documents, {"user_ids": user_id}, track_ids)

    async def change(self, playlist_id: str, change: Callable[[Playlist], object], **where: Any) -> Playlist:
        """Read, change and save a playlist, and keep its update before; retry on conflicts.

        Raises `PlaylistNotFoundError`, `StaleError`.
        """

        async def write() -> Playlist:
            return await self._save(await self.get(playlist_id, **where), change)

        return await retry_conflicts(write, StaleError)

    async def _save(self, playlist: Playlist, change: Callable[[Playlist], object]) -> Playlist:
        """Change and save a playlist.

        The update before is stored first: after a crash in between it is that of the present revision, which is not listed.
        """
        unchanged, before = playlist.model_copy(), PlaylistUpdate.of(playlist)
        change(playlist)
        if playlist.revision == before.revision:
            if playlist != unchanged:
                await self.save(playlist)
            return playlist
        await self._updates.keep(before)
        await self._faults.reach("playlists.before_save")
        try:
            await self.save(playlist)
        except StaleError:
            if await self.find_one({"_id": playlist.id}) is None:
                await self._updates.remove_all(playlist.id)  # it was deleted meanwhile, before this update was stored
            raise
        await self._updates.trim(playlist)
        return playlist
