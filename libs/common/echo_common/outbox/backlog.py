"""Measurement of the events in the outboxes that are not published yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from echo_common.clock import now
from echo_common.outbox.documents import OUTBOX_AT
from echo_common.store.port import Collection

_PENDING = {OUTBOX_AT: {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """The number of aggregates with unpublished events, and the age of the oldest of these in seconds, 0 without one."""

    aggregates: int
    age_seconds: float


async def measure_backlog(collections: Sequence[Collection]) -> OutboxBacklog:
    """Measure the outboxes of these collections, by their index. Raises `StoreUnavailableError`."""
    aggregates, oldest = 0, now()
    moment = oldest
    for collection in collections:
        aggregates += await collection.count(_PENDING)
        async for document in collection.find(_PENDING, sort=[(OUTBOX_AT, 1)], limit=1, fields=[OUTBOX_AT]):
            oldest = min(oldest, document[OUTBOX_AT])
    return OutboxBacklog(aggregates, (moment - oldest).total_seconds())
