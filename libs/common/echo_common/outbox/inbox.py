"""Inbox of a service: the ids of handled events, in its own database.

It is therefore the same for every broker and survives the loss of the broker's disk.
"""

from echo_common.clock import now
from echo_common.store.port import DuplicateError, Index, Store

DAY = 24 * 3600


class StoreInbox:
    """An inbox in the collection `inbox`. `keep_days` must exceed the time in which messages may be redelivered."""

    def __init__(self, store: Store, *, keep_days: float = 14) -> None:
        self._handled = store.collection("inbox")
        self._ttl = int(keep_days * DAY)

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at start."""
        await self._handled.ensure([Index([("handled_at", 1)], ttl=self._ttl)])

    async def seen(self, event_id: str) -> bool:  # noqa: D102
        return await self._handled.find_one({"_id": event_id}) is not None

    async def mark(self, event_id: str) -> None:  # noqa: D102
        try:
            await self._handled.insert({"_id": event_id, "handled_at": now()})
        except DuplicateError:
            return
