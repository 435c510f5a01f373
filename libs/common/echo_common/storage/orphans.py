"""Orphaned objects, left by a crash between an upload and its commit: found by listing, and removed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.storage.port import ObjectStore

Owned = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Function that returns those keys that a record refers to, or that running tasks may still commit."""

_PAGE = 500
_FIRST_SECONDS = 60.0
_ROUND_SECONDS = 3_600.0
_PAGE_SECONDS = 0.2

log = structlog.get_logger("echo.orphans")


class OrphanSweeper:
    """Sweeper that removes objects without an owner that are older than a safe age.

    A sweep reads the storage page by page with pauses in between, so its load is bounded. Any number of replicas may sweep at
    the same time. The safe age must exceed the longest time between an upload and its commit.
    """

    def __init__(self, objects: ObjectStore, owners: Mapping[str, Owned], safe_age_seconds: float) -> None:
        """Create a sweeper; `owners` maps prefixes of keys to their owner checks. A safe age of 0 disables sweeping."""
        self._objects = objects
        self._owners = owners
        self._safe_age = timedelta(seconds=safe_age_seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep once an hour while the context lasts."""
        if not self._safe_age:
            yield
            return
        async with running_in_background(self._keep_sweeping()):
            yield

    async def sweep(self, *, page_size: int = _PAGE) -> int:
        """Sweep all prefixes once; return the number of removed objects. Raises the errors of storage and owners."""
        removed = 0
        for prefix, owned in self._owners.items():
            after = ""
            while page := await self._objects.list(prefix, after=after, limit=page_size):
                after = page[-1].key
                oldest_kept = now() - self._safe_age
                if old := [found.key for found in page if found.modified < oldest_kept]:
                    in_use = set(await owned(old))
                    removed += await self._remove([key for key in old if key not in in_use])
                await asyncio.sleep(_PAGE_SECONDS if len(page) == page_size else 0)
        return removed

    async def _remove(self, keys: Sequence[str]) -> int:
        for key in keys:
            await self._objects.delete(key)
            log.warning("orphaned_object_removed", key=key)
        return len(keys)

    async def _keep_sweeping(self) -> None:
        pause = _FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _ROUND_SECONDS
            with continue_after_errors(log, "orphan_sweep"):
                await self.sweep()
