"""Repetition of conditional writes that conflict with other writes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from echo_common.backoff import Backoff
from echo_common.errors import EchoError

T = TypeVar("T")

_ATTEMPTS: Final = 20
_BACKOFF: Final = Backoff(0.005, 0.1, jitter=(0.0, 1.0))


async def retry_conflicts(write: Callable[[], Awaitable[T]], *conflicts: type[EchoError]) -> T:
    """Call a function that reads, changes and conditionally writes a document, until it meets none of these conflicts.

    Raises the conflict of the last of 20 attempts.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            return await write()
        except conflicts:
            await asyncio.sleep(_BACKOFF.delay(attempt))
    return await write()
