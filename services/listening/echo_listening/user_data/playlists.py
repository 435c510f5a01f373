"""The playlists of users: their erasure and their export."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import BATCH, erase_matching
from echo_listening.domain.playlists import Playlist, PlaylistUpdate
from echo_listening.repository.playlists import Playlists, PlaylistUpdates
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.playlists import playlist_summary, playlist_update_view, playlist_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class PlaylistsOfUser(UserDataPart):
    """The playlists of users, and their changes to those of others."""

    playlists: Playlists
    updates: PlaylistUpdates
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the playlists of a user, the user's tracks in those of others, and the user's id in their updates."""
        await erase_matching(self.playlists, {"creator_id": user_id}, Playlist.delete, self.faults)
        await self._leave_playlists(user_id)
        await erase_matching(self.playlists, {"latest.user_id": user_id}, lambda held: held.forget_user(user_id), self.faults)
        await self.updates.erase_user(user_id)

    async def _leave_playlists(self, user_id: str) -> None:
        where = {"user_ids": user_id}
        while batch := [found.id async for found in self.playlists.find(where, limit=BATCH, without=("items",))]:
            for playlist_id in batch:
                with suppress(PlaylistNotFoundError):  # deleted meanwhile
                    await self.playlists.change(playlist_id, lambda held: held.remove_collaborator(user_id, None))
            await self.faults.reach("erasure.mid_erase")

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the user's playlists with their updates, and the playlists of others on which the user collaborates."""
        async for playlist in self.playlists.find({"creator_id": user_id}, sort=_OLDEST):
            view = playlist_view(playlist, user_id, 0.0).model_dump(mode="json", exclude={"duration"})
            yield ExportedDocument(collection="playlists", fields=view)
            earlier = {"playlist_id": playlist.id, "revision": {"$lt": playlist.revision}}
            async for update in self.updates.find(earlier, sort=(("revision", 1),), without=("state",)):
                yield _exported(update)
            yield _exported(PlaylistUpdate.of(playlist))
        others = {"user_ids": user_id, "creator_id": {"$ne": user_id}}
        async for playlist in self.playlists.find(others, sort=_OLDEST, without=("items",)):
            fields = playlist_summary(playlist, user_id).model_dump(mode="json", include={"id", "name", "role"})
            yield ExportedDocument(collection="playlist_memberships", fields=fields)


def _exported(update: PlaylistUpdate) -> ExportedDocument:
    return ExportedDocument(collection="playlist_updates", fields=playlist_update_view(update).model_dump(mode="json"))
