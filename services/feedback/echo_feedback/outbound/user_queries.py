"""Queries for addresses of hosts that users enter."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import ceil
from typing import Final

from echo_common.background_tasks import BackgroundTasks
from echo_common.errors import RateLimitedError
from echo_feedback.outbound.resolver import Resolver

_SLOTS: Final = 8
_SLOT_SECONDS: Final = 15.0


class UserQueries:
    """Queries of users to a resolver, with a limit for each user in this process.

    A query takes one of the user's slots until it has ended, also when its request no longer waits, and for a minimum time:
    the limit bounds concurrent queries as well as their rate.
    """

    def __init__(self, resolver: Resolver, slots: int, slot_seconds: float) -> None:
        self._resolver = resolver
        self._slots = slots
        self._slot_seconds = slot_seconds
        self._taken = Counter[str]()
        self._queries = BackgroundTasks()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, resolver: Resolver, *, slots: int = _SLOTS, slot_seconds: float = _SLOT_SECONDS
    ) -> AsyncIterator["UserQueries"]:
        """Permit queries while the context lasts.

        Args:
            resolver: The source of addresses.
            slots: Number of slots of each user.
            slot_seconds: Minimum time for which a query takes its slot.
        """
        queries = cls(resolver, slots, slot_seconds)
        try:
            yield queries
        finally:
            await queries._queries.close()

    async def resolve(self, host: str, user_id: str) -> Sequence[str]:
        """Return the addresses of a host; none if it cannot be resolved. Raises `RateLimitedError` without a free slot."""
        if self._taken[user_id] >= self._slots:
            raise RateLimitedError(retry_after=max(1, ceil(self._slot_seconds)))
        self._taken[user_id] += 1
        # Awaited: the request reports an unexpected error.
        return await asyncio.shield(self._queries.start(self._resolve(host, user_id), awaited=True))

    async def _resolve(self, host: str, user_id: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        free_at = loop.time() + self._slot_seconds
        try:
            return await self._resolver.resolve(host)
        except (OSError, UnicodeError):
            return ()
        finally:
            loop.call_at(free_at, self._release_slot, user_id)  # at once, if that time has passed

    def _release_slot(self, user_id: str) -> None:
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]
