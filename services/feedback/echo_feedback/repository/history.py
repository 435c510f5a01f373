"""Storage of the usage history."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Literal

from echo_common.contracts.http.history import ActionType
from echo_common.store.port import Document, DuplicateError, Index, Store
from echo_feedback.domain.history import Entry


class UsageHistory:
    """The usage history. An entry's id is derived from its event, so that an event is recorded once."""

    def __init__(self, store: Store) -> None:
        self._entries = store.collection("usage_history")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._entries.ensure(
            [
                Index([("user_id", 1), ("timestamp", -1)]),
                Index([("user_id", 1), ("action_type", 1), ("timestamp", -1)]),
                Index([("timestamp", 1)]),
            ]
        )

    async def add(self, entry: Entry) -> None:
        """Add an entry. Of several entries with one id the earliest counts."""
        fields: Document = {
            "user_id": entry.user_id,
            "action_type": entry.action_type.value,
            "related_id": entry.related_id,
            "timestamp": entry.timestamp,
        }
        try:
            await self._entries.insert({"_id": entry.id, **fields})
        except DuplicateError:
            later = {"_id": entry.id, "timestamp": {"$gt": entry.timestamp}}
            await self._entries.update_one(later, {"$set": {"timestamp": entry.timestamp}})

    async def find(
        self, where: Mapping[str, Any], *, direction: Literal[1, -1] = -1, skip: int = 0, limit: int = 0
    ) -> AsyncGenerator[Entry, None]:
        """Yield the entries that match, newest first by default; `limit=0` means all."""
        sort: list[tuple[str, Literal[1, -1]]] = [("timestamp", direction), ("_id", direction)]
        async for document in self._entries.find(where, sort=sort, skip=skip, limit=limit):
            yield Entry(
                document["_id"],
                document["user_id"],
                ActionType(document["action_type"]),
                document["related_id"],
                document["timestamp"],
            )

    async def includes(self, entry_id: str, user_id: str) -> bool:
        """Return whether the user has the entry."""
        return await self._entries.find_one({"_id": entry_id, "user_id": user_id}) is not None

    async def find_latest(self, related_id: str, actions: Collection[ActionType], user_id: str) -> Entry | None:
        """Return the user's latest of these actions on a resource, or None.

        Reads the user's entries from the newest to the one that is found: ask only for one that exists.
        """
        where = {"user_id": user_id, "related_id": related_id, "action_type": {"$in": [action.value for action in actions]}}
        async with aclosing(self.find(where, limit=1)) as found:
            return await anext(found, None)

    async def count(self, where: Mapping[str, Any]) -> int:
        """Return the number of entries that match."""
        return await self._entries.count(where)

    async def delete_before(self, moment: datetime) -> int:
        """Delete the entries before a moment; return their number."""
        return await self._entries.delete({"timestamp": {"$lt": moment}})

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self._entries.delete({"user_id": user_id})
