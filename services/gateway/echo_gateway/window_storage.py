"""Request counts in process memory, kept over a restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from heapq import nlargest
from typing import NamedTuple

import structlog
from limits.aio.storage import Storage

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.store.port import Collection

_SAVED = "windows"
_MOST_SAVED = 10_000
"""Number of windows that are saved, those with the most requests first, so that the document stays small."""

_log = structlog.get_logger("echo.limits")


class Window(NamedTuple):
    """The requests of a key; `ends` is in seconds since the epoch."""

    key: str
    requests: int
    ends: float


class WindowStorage(Storage):
    """A limit storage in process memory. The library's own memory storage scans all its keys on every request."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Exceptions of the storage. It raises none; the interface requires a type."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the count of the current window, or start a new window, and return the count."""
        now = time.time()
        if now >= self._sweep_at:
            self._counts = {known: window for known, window in self._counts.items() if window[1] > now}
            self._sweep_at = now + expiry
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._counts[key] = (count + amount, ends)
        return count + amount

    async def get(self, key: str) -> int:
        """Return the count of the current window."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """Return the end of the window in seconds since the epoch."""
        return self._counts.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        """Return True: memory is always available."""
        return True

    async def reset(self) -> int | None:
        """Clear all counts and return their number."""
        count = len(self._counts)
        self._counts.clear()
        return count

    @property
    def windows(self) -> Sequence[Window]:
        """The windows that have not ended."""
        now = time.time()
        return [Window(key, count, ends) for key, (count, ends) in self._counts.items() if ends > now]

    def restore(self, windows: Sequence[Window]) -> None:
        """Add windows of an earlier process; those of this process stay as they are."""
        self._counts = {window.key: (window.requests, window.ends) for window in windows} | self._counts

    async def clear(self, key: str) -> None:
        """Clear the count of a key."""
        self._counts.pop(key, None)


@asynccontextmanager
async def saved_windows(storage: WindowStorage, collection: Collection, *, every: float = 5.0) -> AsyncIterator[None]:
    """Restore the counts of the last process, and save those of this one every few seconds and on exit.

    An error of a save is logged, and the next save repeats it: limits must not make the API unavailable.
    """
    await collection.ensure([])
    document = await collection.find_one({"_id": _SAVED})
    storage.restore([Window(*saved) for saved in (document or {}).get("windows", ())])
    try:
        async with running_in_background(_save_regularly(storage, collection, every)):
            yield
    finally:
        with continue_after_errors(_log, "rate_limits_save"):
            await _save(storage.windows, collection)


async def _save_regularly(storage: WindowStorage, collection: Collection, every: float) -> None:
    saved: Sequence[Window] = ()
    while True:
        await asyncio.sleep(every)
        if (windows := storage.windows) != saved:
            with continue_after_errors(_log, "rate_limits_save"):
                await _save(windows, collection)
                saved = windows


def _most_used(windows: Sequence[Window]) -> Sequence[Window]:
    return nlargest(_MOST_SAVED, windows, key=lambda window: window.requests)


async def _save(windows: Sequence[Window], collection: Collection) -> None:
    await collection.upsert({"_id": _SAVED}, {"$set": {"windows": [list(window) for window in _most_used(windows)]}})
