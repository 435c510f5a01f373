"""Counting of ratings for the running summaries."""

import asyncio

from echo_feedback.domain.summaries import Subject
from echo_feedback.repository.ratings import Ratings
from echo_feedback.repository.summaries import Summaries

_Key = tuple[Subject, str]


class RatingCounter:
    """The counter of ratings. In this process, requests for one subject that wait for a running count share the next one."""

    def __init__(self, ratings: Ratings, summaries: Summaries) -> None:
        self._ratings = ratings
        self._summaries = summaries
        self._running: dict[_Key, asyncio.Task[None]] = {}
        self._waiting: dict[_Key, asyncio.Task[None]] = {}

    async def refresh(self, subject: Subject, name: str) -> None:
        """Update the summary with all ratings that were saved before the call. Raises `StaleError`, `StoreUnavailableError`."""
        key = (subject, name)
        if key not in self._waiting:
            self._waiting[key] = asyncio.create_task(self._count(key))
        await asyncio.shield(self._waiting[key])

    async def close(self) -> None:
        """Wait for running counts."""
        await asyncio.gather(*self._running.values(), *self._waiting.values(), return_exceptions=True)

    async def _count(self, key: _Key) -> None:
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
        self._running[key] = self._waiting.pop(key)  # later requests may be for ratings that this count misses
        try:
            await self._summaries.refresh(*key, lambda: self._ratings.distribution(*key))
        finally:
            del self._running[key]
