"""Limits of recordings that are transcribed at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.errors import ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError

_WAITING = 8
_RETRY_SECONDS = 10


class Transcriptions:
    """The recordings of this process: one of a user, `at_once` in progress, and `waiting` more."""

    def __init__(self, at_once: int, waiting: int = _WAITING) -> None:
        self._most = at_once + waiting
        self._places = asyncio.Semaphore(at_once)
        self._users: set[str] = set()

    @asynccontextmanager
    async def place(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it while the context lasts. Raises `TooManyOpenError`, `ServiceUnavailableError`."""
        if user_id in self._users:
            raise TooManyOpenError("Another recording of yours is being transcribed. Wait for it.", retry_after=_RETRY_SECONDS)
        if len(self._users) >= self._most:
            raise ServiceUnavailableError("Too many recordings wait to be transcribed; try again.", retry_after=_RETRY_SECONDS)
        self._users.add(user_id)
        try:
            async with self._places:
                yield
        finally:
            self._users.discard(user_id)
