"""Repository of preferences."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.errors import NotFoundError
from echo_common.store.port import DuplicateError, Filter, Index, Sort
from echo_common.work.repository import TaskRepository
from echo_listening.domain.preferences import Preferences

_LISTENERS: Final = 1_000
"""Maximum number of users whose known tracks are compared."""


class PreferencesOfUsers(TaskRepository[Preferences]):
    """The repository of preferences, by the id of their user."""

    aggregate = Preferences
    name = "preferences"
    id_label: ClassVar[str] = "user_id"
    queue_order: ClassVar[Sort] = (("due_at", 1),)
    indexes: ClassVar[Sequence[Index]] = (
        Index([("status", 1), ("due_at", 1)]),
        Index([("user_id", 1)]),
        Index([("top_artists", 1)]),
        Index([("genres", 1)]),
        Index([("stated.top_tracks", 1)]),
        Index([("known_spotify_ids", 1)]),
        Index([("last_updated", -1)]),
    )

    def may_start(self) -> Filter:
        """Return the filter for preferences whose interactions are collected."""
        return {"due_at": {"$lte": now()}}

    async def change(self, user_id: str, change: Callable[[Preferences], None]) -> Preferences:
        """Change the preferences of a user, which are created if there are none."""
        with suppress(NotFoundError):
            return await self.update(user_id, change)
        created = Preferences.of_user(user_id)
        change(created)
        try:
            await self.add(created)
        except DuplicateError:
            return await self.update(user_id, change)
        return created

    async def spotify_ids_of_others(self, user_id: str, beside: Sequence[str] | None = None) -> Sequence[Sequence[str]]:
        """Return the Spotify ids of the known tracks of each other user, of those whose preferences changed last.

        Args:
            user_id: The user to leave out.
            beside: Spotify ids of which these users listen to at least one; None for all users.
        """
        where: Filter = {"known_spotify_ids.0": {"$exists": True}}
        if beside is not None:
            where = {"known_spotify_ids": {"$in": list(beside)}}
        latest = self._documents.find(where, sort=[("last_updated", -1)], limit=_LISTENERS, fields=["known_spotify_ids"])
        return [found["known_spotify_ids"] async for found in latest if found["_id"] != user_id]

    async def users_who_state(self, track_id: str) -> Sequence[str]:
        """Return the users among whose stated preferences a track is."""
        return [one.user_id async for one in self.find({"stated.top_tracks": track_id})]
