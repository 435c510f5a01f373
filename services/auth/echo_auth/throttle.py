"""Limit on failed logins, lookups and registrations against guessing, counted in the database for all replicas together."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from math import ceil

from echo_common.clock import now
from echo_common.contracts.errors.auth import TooManyAttemptsError
from echo_common.http.addresses import network_of
from echo_common.store.port import Collection, DuplicateError, Index

_WINDOW = timedelta(minutes=15)
_OUTCOME = timedelta(seconds=3)
"""Time within which the outcome of an attempt is known."""
# "account" limits guesses from many networks; the networks of the owner are exempt, so that no attacker can lock the owner out
_LIMITS = {"account and network": 10, "account": 200}


class Attempt(StrEnum):
    """Kinds of attempts; each has counters of its own, so that a name sent to a login never meets those of another kind."""

    GUEST = "guest"
    LOGIN = "login"
    LOOKUP = "lookup"
    PASSWORD_RESET = "password reset"  # noqa: S105 - a kind
    REGISTRATION = "registration"
    SECOND_FACTOR = "second factor"
    UPGRADE = "upgrade"


class Throttle:
    """A limit on an account's failed attempts per window, from one network and from all. Unknown accounts count too.

    Attempts from a known network, from which the account's owner logs in, are subject to its own limit alone.
    """

    def __init__(self, collection: Collection) -> None:
        self._failures = collection

    @classmethod
    async def open(cls, collection: Collection) -> "Throttle":
        """Open the throttle; the database removes expired counts."""
        await collection.ensure([Index([("since", 1)], ttl=int(_WINDOW.total_seconds()))])
        return cls(collection)

    async def count_attempt(
        self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False
    ) -> None:
        """Count an attempt before its outcome is known, as failed until reverted. Raises `TooManyAttemptsError` at a limit.

        Concurrent attempts cannot pass the limits together.
        """
        counted = list[str]()
        for key, limit in _counters(kind, account, address, from_known_network):
            try:
                await self._count(key, limit)
            except TooManyAttemptsError:
                await self._revert(counted)
                raise
            counted.append(key)

    async def require_attempts(self, kind: Attempt, account: str, address: str | None) -> None:
        """Raise `TooManyAttemptsError` if the account's limit for this network is reached; count nothing."""
        (key, limit), *_ = _counters(kind, account, address, True)
        reached = {"_id": key, "since": {"$gt": now() - _WINDOW}, "count": {"$gte": limit}}
        if await self._failures.find_one(reached) is not None:
            raise TooManyAttemptsError(retry_after=await self._retry_seconds(key))

    async def revert_attempt(
        self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False
    ) -> None:
        """Remove a counted attempt that did not fail."""
        await self._revert([key for key, _ in _counters(kind, account, address, from_known_network)])

    async def reset(self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False) -> None:
        """Reset the account's count for this network, after a counted attempt that succeeded."""
        (key, _), *others = _counters(kind, account, address, from_known_network)
        await self._failures.delete({"_id": key})
        await self._revert([key for key, _ in others])

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

    async def _revert(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self._failures.update_one({"_id": key, "count": {"$gt": 0}}, {"$inc": {"count": -1}})


def _counters(kind: Attempt, account: str, address: str | None, from_known_network: bool) -> Sequence[tuple[str, int]]:
    network = None if address is None else network_of(address)
    parts = {"account and network": f"{account.lower()}\n{network}"}
    if not from_known_network:
        parts["account"] = account.lower()
    return [(sha256(f"{kind}\n{scope}\n{part}".encode()).hexdigest(), _LIMITS[scope]) for scope, part in parts.items()]
