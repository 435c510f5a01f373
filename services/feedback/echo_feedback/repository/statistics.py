"""Storage of statistics: counters of hours."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from echo_common.store.port import Store
from echo_feedback.domain.statistics import Amounts
from echo_feedback.repository.counters import PERIOD, Change, Counters

_SHARDS: Final = 4
"""Counters of each hour, of which an event's id selects one: replicas then rarely change the same one."""


class Statistics:
    """The counters of hours."""

    def __init__(self, store: Store) -> None:
        self.counters = Counters(store, "statistics")

    async def add(self, event_id: str, hours: dict[datetime, Amounts]) -> None:
        """Add the amounts of an event to the counters of their hours, once."""
        shard = zlib.crc32(event_id.encode()) % _SHARDS
        await asyncio.gather(
            *(
                self.counters.apply(
                    f"{hour.isoformat()}/{shard}", {PERIOD: hour}, Change(f"{event_id}/{hour:%Y%m%d%H}", amounts)
                )
                for hour, amounts in hours.items()
            )
        )

    async def hours(self, since: datetime, until: datetime) -> AsyncIterator[tuple[datetime, Amounts]]:
        """Yield counts of the hours in a range, in order; an hour may occur several times, or not at all."""
        where = {PERIOD: {"$gte": since, "$lt": until}}
        async for document in self.counters.find(where, fields=[PERIOD, "counts"], sort=[(PERIOD, 1)]):
            yield document[PERIOD], document["counts"]
