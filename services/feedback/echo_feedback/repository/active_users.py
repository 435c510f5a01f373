"""Users who were active in an hour or a day."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from echo_common.clock import now
from echo_common.contracts.http.statistics import Interval
from echo_common.store.port import Document, DuplicateError, Index, Store
from echo_common.user_data.erasure import KEPT_SECONDS
from echo_feedback.domain.periods import BEGINS

_INDEXES: Final = (Index([("interval", 1), ("period", 1)]), Index([("user_id", 1)]), Index([("period", 1)]))


class ActiveUsers:
    """The active users of each hour and day, a document each.

    Its id is a hash of the period with a random key of the user, so that a user is counted once, also without the user's id. The
    key of an erased user is removed together with the record of the erasure: the hashes then lead to nobody.
    """

    def __init__(self, store: Store) -> None:
        self._users = store.collection("active_users")
        self._keys = store.collection("activity_keys")

    async def prepare(self) -> None:
        """Create the collections and their indexes; call once at start."""
        await self._users.ensure(_INDEXES)
        await self._keys.ensure([Index([("erased_at", 1)], ttl=KEPT_SECONDS)])

    async def add(self, user_id: str, moments: Collection[datetime], *, erased: bool) -> None:
        """Count a user as active at these times, an erased user without the id; idempotent."""
        periods = {(interval, begin(moment)) for interval, begin in BEGINS.items() for moment in moments}
        key = await self._find_or_create_key(user_id, erased=erased)
        known: Document = {} if erased else {"user_id": user_id}
        for interval, period in periods:
            digest = hmac.new(key, f"{interval.value}\n{period.isoformat()}".encode(), hashlib.sha256).hexdigest()[:32]
            with suppress(DuplicateError):
                await self._users.insert({"_id": digest, "interval": interval.value, "period": period, **known})

    async def count(self, interval: Interval, periods: Collection[datetime]) -> Mapping[datetime, int]:
        """Return the number of active users of each of these periods; the database counts them."""
        return {period: await self._users.count({"interval": interval.value, "period": period}) for period in periods}

    async def count_distinct(self, since: datetime) -> int:
        """Return the number of users who were active since a moment; those who were erased do not count."""
        where = {"interval": Interval.HOUR.value, "period": {"$gte": since}}
        found = {document.get("user_id") async for document in self._users.find(where, fields=["user_id"])}
        return len(found - {None})

    async def delete_before(self, moment: datetime) -> int:
        """Delete documents of periods before a moment; return their number."""
        return await self._users.delete({"period": {"$lt": moment}})

    async def erase(self, user_id: str) -> None:
        """Remove the id of a user, who remains in the totals, and let the user's key expire."""
        await self._users.update_many({"user_id": user_id}, {"$unset": {"user_id": ""}})
        await self._keys.update_one({"_id": user_id, "erased_at": {"$exists": False}}, {"$set": {"erased_at": now()}})

    async def _find_or_create_key(self, user_id: str, *, erased: bool) -> bytes:
        found = await self._keys.find_one({"_id": user_id})
        if found is None:
            expiry: Document = {"erased_at": now()} if erased else {}
            with suppress(DuplicateError):
                await self._keys.insert({"_id": user_id, "key": secrets.token_hex(16), **expiry})
            found = await self._keys.find_one({"_id": user_id})
        if found is None:
            raise AssertionError("a key expires at the earliest after days")
        return bytes.fromhex(found["key"])
