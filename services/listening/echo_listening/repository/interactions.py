"""Repository of interactions."""

from collections.abc import Sequence
from typing import ClassVar, Final

from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import Repository
from echo_common.store.port import Index, Store
from echo_listening.domain.interactions import Interaction

_DAY_SECONDS: Final = 24 * 3600
_REMOVED_AT_ONCE: Final = 500


class Interactions(Repository[Interaction]):
    """The repository of interactions, which the database removes after a number of days."""

    aggregate = Interaction
    name = "interactions"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("user_id", 1), ("timestamp", -1)]),
        Index([("user_id", 1), ("track_id", 1)]),
        Index([("track_id", 1)]),
    )

    def __init__(self, store: Store, relay: Relay, days: int) -> None:
        super().__init__(store, relay)
        self._days = days

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await super().prepare()
        await self._documents.ensure([Index([("timestamp", 1)], ttl=self._days * _DAY_SECONDS)])

    async def users_of_track(self, track_id: str) -> Sequence[str]:
        """Return the users who interacted with a track."""
        found = self._documents.find({"track_id": track_id}, fields=["user_id"])
        return sorted({document["user_id"] async for document in found if "user_id" in document})

    async def remove_oldest(self, user_id: str, most: int) -> None:
        """Delete the oldest interactions of a user who has more than `most`."""
        surplus = await self.count({"user_id": user_id}) - most
        if surplus <= 0:
            return
        oldest = self._documents.find(
            {"user_id": user_id}, sort=[("timestamp", 1)], limit=min(surplus, _REMOVED_AT_ONCE), fields=["_id"]
        )
        await self._documents.delete({"_id": {"$in": [one["_id"] async for one in oldest]}})

    async def delete_of_track(self, track_id: str) -> None:
        """Delete all interactions with a track."""
        await self._documents.delete({"track_id": track_id})

    async def delete_of_user(self, user_id: str) -> None:
        """Delete all interactions of a user."""
        await self._documents.delete({"user_id": user_id})
