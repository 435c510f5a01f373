"""Events of a service that belong to no aggregate: counts and errors, collected in memory and published in batches."""

from collections.abc import Sequence
from contextlib import suppress

from echo_common.aggregate import Aggregate
from echo_common.contracts.event import DomainEvent
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError


class EventBatch(Aggregate):
    """Events that are published together. It has no state and is removed once they are published."""

    @classmethod
    def of(cls, events: Sequence[DomainEvent]) -> "EventBatch":
        """Return the batch of these events, which has the same id whenever it is built of them."""
        batch = cls(id=events[0].event_id)
        for event in events:
            batch.record(event)
        batch.erase()
        return batch


class EventBatches(Repository[EventBatch]):
    """The outbox of events without an aggregate."""

    aggregate = EventBatch
    name = "event_batches"

    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Write the events to the outbox in one write; the relay publishes them.

        After a failure, call this again with the same events: consumers handle each of them once. Raises
        `StoreUnavailableError`.
        """
        with suppress(DuplicateError):  # an earlier call wrote them, although it failed
            await self.add(EventBatch.of(events))
