"""Storage of the events that counters contain."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from echo_common.clock import now
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.store.port import DuplicateError, Index, Store

_KEPT: Final = timedelta(days=30)
"""Time after which no event is delivered again, except dead letters."""

_DELETED_AT_ONCE: Final = 500


class AppliedEvents:
    """The changes that counters contain, by an id that begins with that of their event: `evt_…` or `evt_…/suffix`."""

    def __init__(self, store: Store) -> None:
        self._applied = store.collection("applied_events")
        self._dead_letters = StoreDeadLetters(store)

    async def prepare(self) -> None:
        """Create the collection and its index; call once at start."""
        await self._applied.ensure([Index([("applied_at", 1)])])

    async def find(self, counters: str, change_ids: Collection[str]) -> set[str]:
        """Return those of these changes that are stored."""
        where = {"_id": {"$in": [f"{counters}/{change_id}" for change_id in change_ids]}}
        return {document["_id"].partition("/")[2] async for document in self._applied.find(where, fields=["event_id"])}

    async def add(self, counters: str, change_ids: Collection[str]) -> None:
        """Store changes; idempotent."""
        await asyncio.gather(*(self._add(f"{counters}/{change_id}", change_id) for change_id in change_ids))

    async def expire(self, moment: datetime | None = None) -> int:
        """Delete changes that were applied 30 days ago, except those of dead letters, which may be replayed at any time."""
        dead = await self._dead_letters.find_ids()
        old = {"applied_at": {"$lt": (moment or now()) - _KEPT}}
        expired = [
            document["_id"]
            async for document in self._applied.find(old, fields=["event_id"])
            if document["event_id"] not in dead
        ]
        for first in range(0, len(expired), _DELETED_AT_ONCE):
            await self._applied.delete({"_id": {"$in": expired[first : first + _DELETED_AT_ONCE]}})
        return len(expired)

    async def _add(self, key: str, change_id: str) -> None:
        with suppress(DuplicateError):
            await self._applied.insert({"_id": key, "event_id": change_id.partition("/")[0], "applied_at": now()})
