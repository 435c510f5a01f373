"""Bytes that users store in a service, and those that requests in progress will add."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Collection as Ids
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

from echo_common.clock import now
from echo_common.ids import new_id
from echo_common.store.port import Collection, Document, DuplicateError, Store

_FRESH = timedelta(seconds=30)
_HELD = timedelta(hours=1)
_ATTEMPTS = 20

StorageGauge = Callable[[str, Ids[str]], Awaitable[int]]
"""Function that returns the size of a user's stored objects, without those of some ids."""


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """Bytes that are reserved for an object which is about to be stored."""

    id: str
    user_id: str
    amount: int


class StoredBytes:
    """The total of each user, as one document: parallel requests cannot pass a limit together, in no replica.

    The total is counted from the objects again when it is half a minute old, or before a refusal, so that deletions, and a process
    that ended before it settled, have no lasting effect. A reservation that is not settled expires after an hour.
    """

    def __init__(self, store: Store, gauge: StorageGauge) -> None:
        self._totals: Collection = store.collection("stored_bytes")
        self._gauge = gauge
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self) -> None:
        """Create the collection; call once at start."""
        await self._totals.ensure([])

    async def reserve(self, user_id: str, object_id: str, amount: int, highest: int | None) -> HeldBytes | None:
        """Reserve bytes for an object if the total is at most `highest` (None: any) before; else return None."""
        held = HeldBytes(new_id("hold"), user_id, amount)
        entry = {"id": held.id, "object_id": object_id, "bytes": amount, "until": now() + _HELD}
        change = {"$inc": {"bytes": amount, "version": 1}, "$push": {"held": {"$each": [entry]}}}
        fits: Document = {"_id": user_id} if highest is None else {"_id": user_id, "bytes": {"$lte": highest}}
        if not await self._totals.update_one({**fits, "counted_at": {"$gt": now() - _FRESH}}, change):
            await self._count_again(user_id)
            if not await self._totals.update_one(fits, change):
                return None
        return held

    async def settle(self, held: HeldBytes, stored: int) -> None:
        """Count the bytes that were stored in place of a reservation; 0 gives it back."""
        change = {"$inc": {"bytes": stored - held.amount, "version": 1}, "$pull": {"held": {"id": held.id}}}
        await self._totals.update_one({"_id": held.user_id, "held": {"$elemMatch": {"id": held.id}}}, change)

    async def total(self, user_id: str) -> int:
        """Return the bytes that are stored or reserved, at most half a minute old."""
        known = await self._totals.find_one({"_id": user_id})
        if known is None or known["counted_at"] <= now() - _FRESH:
            return await self._count_again(user_id)
        return int(known["bytes"])

    async def erase(self, user_id: str) -> None:
        """Delete the user's total."""
        await self._totals.delete({"_id": user_id})

    async def _count_again(self, user_id: str) -> int:
        asked_at = now()
        async with self._locks.setdefault(user_id, asyncio.Lock()):
            total = 0
            for _ in range(_ATTEMPTS):
                known = await self._totals.find_one({"_id": user_id})
                if known is not None and known["counted_at"] > asked_at:  # by a concurrent request
                    return int(known["bytes"])
                held = [entry for entry in known["held"] if entry["until"] > now()] if known else []
                total = await self._gauge(user_id, [entry["object_id"] for entry in held])
                total += sum(entry["bytes"] for entry in held)
                if await self._replace(user_id, known, {"bytes": total, "held": held, "counted_at": now()}):
                    break
            return total

    async def _replace(self, user_id: str, known: Document | None, fields: Document) -> bool:
        """Write a count; return False if a reservation changed it meanwhile."""
        if known is not None:
            unchanged = {"_id": user_id, "version": known["version"]}
            return await self._totals.update_one(unchanged, {"$set": fields, "$inc": {"version": 1}})
        try:
            await self._totals.insert({"_id": user_id, **fields, "version": 1})
        except DuplicateError:
            return False
        return True
