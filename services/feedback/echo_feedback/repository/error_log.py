"""Storage of the error log."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from echo_common.store.port import DuplicateError, Index, Sort, Store
from echo_feedback.domain.errors import LoggedError


class ErrorLog:
    """The errors of all services. An entry's id is derived from its event, so that an event is recorded once."""

    def __init__(self, store: Store) -> None:
        self._entries = store.collection("error_log")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._entries.ensure(
            [
                Index([("timestamp", -1)]),
                Index([("last_at", -1)]),
                Index([("count", -1)]),
                Index([("service", 1), ("timestamp", -1)]),
                Index([("error_type", 1), ("timestamp", -1)]),
                Index([("trace_id", 1)]),
                Index([("request_id", 1)]),
            ]
        )

    async def add(self, entry: LoggedError) -> None:
        """Add an entry, unless it is known."""
        with suppress(DuplicateError):
            await self._entries.insert(entry.document())

    async def find(
        self, where: Mapping[str, Any], *, sort: Sort, skip: int = 0, limit: int = 0
    ) -> AsyncGenerator[LoggedError, None]:
        """Yield the entries that match; `limit=0` means all."""
        async for document in self._entries.find(where, sort=sort, skip=skip, limit=limit):
            yield LoggedError.stored(document)

    async def count(self, where: Mapping[str, Any]) -> int:
        """Return the number of entries that match."""
        return await self._entries.count(where)

    async def delete_before(self, moment: datetime) -> int:
        """Delete the entries before a moment; return their number."""
        return await self._entries.delete({"timestamp": {"$lt": moment}})
