"""Users who were active in an hour or a day."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from echo_common.contracts.http.api_usage import Interval
from echo_common.store.port import Document, DuplicateError, Index, Store
from echo_feedback.domain.statistics import BEGINS


class ActiveUsers:
    """The active users of each hour and day, a document each.

    Its id is a hash of the user's id and the period, so that a user counts once, and counts on when the user's id is erased.
    """

    def __init__(self, store: Store) -> None:
        self._users = store.collection("active_users")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._users.ensure([Index([("interval", 1), ("period", 1)]), Index([("user_id", 1)]), Index([("period", 1)])])

    async def add(self, user_id: str, moment: datetime, *, erased: bool) -> None:
        """Count a user as active at a moment, an erased one without the id; idempotent."""
        for interval, begin in BEGINS.items():
            period = begin(moment)
            key = hashlib.sha256(f"{user_id}\n{interval.value}\n{period.isoformat()}".encode()).hexdigest()[:32]
            known: Document = {} if erased else {"user_id": user_id}
            with suppress(DuplicateError):
                await self._users.insert({"_id": key, "interval": interval.value, "period": period, **known})

    async def count(self, interval: Interval, since: datetime, until: datetime) -> Mapping[datetime, int]:
        """Return the number of active users of each interval in a range."""
        where = {"interval": interval.value, "period": {"$gte": since, "$lt": until}}
        return Counter([document["period"] async for document in self._users.find(where, fields=["period"])])

    async def delete_before(self, moment: datetime) -> int:
        """Delete what is older than a moment; return the number of documents."""
        return await self._users.delete({"period": {"$lt": moment}})

    async def erase(self, user_id: str) -> None:
        """Remove the id of a user, who counts on."""
        await self._users.update_many({"user_id": user_id}, {"$unset": {"user_id": ""}})
