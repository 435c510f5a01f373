"""Limits on failed attempts against guessing, counted in the database for all replicas together."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil

from echo_common.clock import now
from echo_common.contracts.errors.auth import TooManyAttemptsError
from echo_common.store.port import Collection, DuplicateError, Index

_WINDOW = timedelta(minutes=15)
_OUTCOME = timedelta(seconds=3)
"""Time within which the outcome of an attempt is known."""


class FailedAttempts:
    """Counts of failed attempts in a window of 15 minutes, by keys of which the database holds hashes."""

    def __init__(self, collection: Collection) -> None:
        self._failures = collection

    @classmethod
    async def open(cls, collection: Collection) -> "FailedAttempts":
        """Open the counts; the database removes expired ones."""
        await collection.ensure([Index([("since", 1)], ttl=int(_WINDOW.total_seconds()))])
        return cls(collection)

    async def count(self, limits: Mapping[str, int]) -> None:
        """Count an attempt before its outcome is known, as failed until reverted. Raises `TooManyAttemptsError` at a limit.

        Concurrent attempts cannot pass the limits together.

        Args:
            limits: Maximum number of failed attempts in a window, by key.
        """
        counted = list[str]()
        for key, limit in limits.items():
            try:
                await self._count(_hashed(key), limit)
            except TooManyAttemptsError:
                await self.revert(counted)
                raise
            counted.append(key)

    async def require(self, key: str, limit: int) -> None:
        """Raise `TooManyAttemptsError` if the limit of a key is reached; count nothing."""
        reached = {"_id": _hashed(key), "since": {"$gt": now() - _WINDOW}, "count": {"$gte": limit}}
        if await self._failures.find_one(reached) is not None:
            raise TooManyAttemptsError(retry_after=await self._retry_seconds(_hashed(key)))

    async def revert(self, keys: Iterable[str]) -> None:
        """Remove a counted attempt that did not fail."""
        for key in keys:
            await self._failures.update_one({"_id": _hashed(key), "count": {"$gt": 0}}, {"$inc": {"count": -1}})

    async def reset(self, key: str) -> None:
        """Remove all attempts of a key."""
        await self._failures.delete({"_id": _hashed(key)})

    async def _count(self, key: str, limit: int) -> None:
        moment = now()
        expired = moment - _WINDOW
        below = {"_id": key, "since": {"$gt": expired}, "count": {"$lt": limit}}
        counted = {"$inc": {"count": 1}, "$set": {"counted_at": moment}}
        if await self._failures.update_one(below, counted):
            return
        await self._failures.delete({"_id": key, "since": {"$lte": expired}})
        try:
            await self._failures.insert({"_id": key, "since": moment, "counted_at": moment, "count": 1})
        except DuplicateError:  # at the limit, or another attempt opened the window at the same moment
            if not await self._failures.update_one(below, counted):
                raise TooManyAttemptsError(retry_after=await self._retry_seconds(key)) from None

    async def _retry_seconds(self, key: str) -> int:
        """Return the seconds until the window ends; a few while counted attempts may still succeed."""
        count = await self._failures.find_one({"_id": key})
        moment = now()  # after the read, so that no attempt was counted later
        since: datetime = count["since"] if count else moment
        counted_at: datetime = count.get("counted_at", since) if count else moment
        ends = counted_at + _OUTCOME if moment < counted_at + _OUTCOME else since + _WINDOW
        return max(1, ceil((ends - moment).total_seconds()))


def _hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()
