"""Deduplication of concurrent calls."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: "asyncio.Future[T]"
    waiting: int = 0


class SingleFlight(Generic[T]):
    """Calls with the same key share one execution while it is in progress."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, make: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return the result of `make` and whether a call in progress was joined; a failure is raised to all callers.

        A cancelled caller does not affect the others; when the last one is cancelled, the execution is cancelled.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(make()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
            if self._flights.get(key) is flight and (flight.task.done() or not flight.waiting):
                del self._flights[key]
