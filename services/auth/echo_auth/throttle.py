"""Limit on failed logins and lookups against guessing, counted in the database for all replicas together."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from echo_common.clock import now
from echo_common.contracts.errors.auth import TooManyAttemptsError
from echo_common.store.port import Collection, DuplicateError, Index

_WINDOW = timedelta(minutes=15)
# "account" limits guesses from many addresses; it is high, so that an attacker can hardly lock the owner out
_LIMITS = {"account and address": 10, "account": 200}


class Throttle:
    """A limit on an account's failed attempts per window, from one address and from all. Unknown accounts count too."""

    def __init__(self, collection: Collection) -> None:
        self._failures = collection

    @classmethod
    async def open(cls, collection: Collection) -> "Throttle":
        """Open the throttle; the database removes expired counts."""
        await collection.ensure([Index([("since", 1)], ttl=int(_WINDOW.total_seconds()))])
        return cls(collection)

    async def check(self, account: str, address: str | None) -> None:
        """Check the limits before an attempt. Raises `TooManyAttemptsError`."""
        for key, limit in _counters(account, address):
            count = await self._failures.find_one({"_id": key, "since": {"$gt": now() - _WINDOW}, "count": {"$gte": limit}})
            if count is not None:
                raise TooManyAttemptsError(retry_after=max(1, int((count["since"] + _WINDOW - now()).total_seconds())))

    async def record_failure(self, account: str, address: str | None) -> None:
        """Count a failed attempt."""
        for key, _ in _counters(account, address):
            expired = now() - _WINDOW
            if await self._failures.update_one({"_id": key, "since": {"$gt": expired}}, {"$inc": {"count": 1}}):
                continue
            await self._failures.delete({"_id": key, "since": {"$lte": expired}})
            try:
                await self._failures.insert({"_id": key, "since": now(), "count": 1})
            except DuplicateError:  # another failure opened the window at the same moment
                await self._failures.update_one({"_id": key}, {"$inc": {"count": 1}})

    async def reset(self, account: str, address: str | None) -> None:
        """Reset the account's count for this address."""
        key, _ = _counters(account, address)[0]
        await self._failures.delete({"_id": key})


def _counters(account: str, address: str | None) -> Sequence[tuple[str, int]]:
    parts = {"account and address": f"{account.lower()}\n{address}", "account": account.lower()}
    return [(sha256(f"{kind}\n{parts[kind]}".encode()).hexdigest(), limit) for kind, limit in _LIMITS.items()]
