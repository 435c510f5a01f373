"""Size of stored objects, measured now and then because it reads the records of all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

MEASURED_SECONDS: Final = 300.0


class MeasuredSize:
    """The size of stored objects in bytes, at most five minutes old; concurrent calls share a measurement."""

    def __init__(self, measure: Callable[[], Awaitable[int]]) -> None:
        self._measure = measure
        self._lock = asyncio.Lock()
        self._measured: tuple[int, float] | None = None

    async def get(self) -> int:
        """Return the size. Raises the errors of the measurement."""
        async with self._lock:
            if self._measured is None or monotonic() - self._measured[1] > MEASURED_SECONDS:
                self._measured = (await self._measure(), monotonic())
            return self._measured[0]
