"""Slots for expensive work in requests, shared fairly between users."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError

_WAITING_USERS = 8
_RETRY_SECONDS = 10


class UserSlots:
    """The slots of this process: each user has at most one of them.

    Args:
        noun: The word for the work in messages to users.
        slots: The number of slots.
        waiting_users: Maximum number of further users who wait for a slot.
        waiting_each: Maximum number of requests of one user that wait for the user's own slot.
    """

    def __init__(self, noun: str, slots: int, waiting_users: int = _WAITING_USERS, *, waiting_each: int = 0) -> None:
        self._noun = noun
        self._most_users = slots + waiting_users
        self._most_each = 1 + waiting_each
        self._slots = asyncio.Semaphore(slots)
        self._requests: Counter[str] = Counter()
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the context lasts. Raises `TooManyOpenError`, `ServiceUnavailableError`."""
        if self._requests[user_id] >= self._most_each:
            raise TooManyOpenError(
                f"Another {self._noun} of yours is being processed. Wait for it.", retry_after=_RETRY_SECONDS
            )
        if user_id not in self._requests and len(self._requests) >= self._most_users:
            raise ServiceUnavailableError(f"Too many users wait for a {self._noun}; try again.", retry_after=_RETRY_SECONDS)
        self._requests[user_id] += 1
        try:
            async with self._own.setdefault(user_id, asyncio.Lock()), self._slots:
                yield
        finally:
            self._requests[user_id] -= 1
            self._requests += Counter()  # removes users without requests
