"""Events that a process collects are published in batches, with a pause after a failure."""

import asyncio
from collections.abc import Sequence

import pytest

from echo_common.backoff import Backoff
from echo_common.contracts.event import DomainEvent
from echo_common.outbox import event_batches
from echo_common.outbox.event_batches import CollectedEvents, EventBatches
from echo_common.outbox.relay import Relay
from echo_common.store.port import Store, StoreUnavailableError
from tests.integration.outbox.counters import Counted, RecordingBus


class Collection:
    """Collected events, and the batches in which they are published."""

    def __init__(self, store: Store) -> None:
        self.waiting: list[DomainEvent] = []
        self.published: list[Sequence[DomainEvent]] = []
        self.during_a_publication: list[DomainEvent] = []
        self.failures = 0
        self.events = CollectedEvents(_Batches(store, self), self.collect, "test")

    def collect(self) -> Sequence[DomainEvent]:
        found, self.waiting = self.waiting, []
        return found


class _Batches(EventBatches):
    def __init__(self, store: Store, collection: Collection) -> None:
        super().__init__(store, Relay(RecordingBus()))
        self._collection = collection

    async def publish(self, events: Sequence[DomainEvent]) -> None:
        self._collection.published.append(events)
        self._collection.waiting += self._collection.during_a_publication
        if self._collection.failures:
            self._collection.failures -= 1
            self._collection.events.flush_soon()  # much is collected
            raise StoreUnavailableError


def event(value: int) -> Counted:
    return Counted(counter_id="cnt_1", value=value)


async def test_events_during_a_publication_belong_to_the_next_one(store: Store) -> None:
    collection = Collection(store)
    first, second = event(1), event(2)
    collection.waiting, collection.during_a_publication = [first], [second]
    async with asyncio.timeout(10):
        await collection.events.flush()
    assert collection.published == [[first]]
    collection.during_a_publication = []
    await collection.events.flush()
    assert collection.published == [[first], [second]]


async def test_a_failed_publication_is_repeated_first_with_the_same_events(store: Store) -> None:
    collection = Collection(store)
    first, second = event(1), event(2)
    collection.waiting, collection.failures = [first], 1
    with pytest.raises(StoreUnavailableError):
        await collection.events.flush()
    collection.waiting = [second]
    await collection.events.flush()
    assert collection.published == [[first], [first], [second]]


async def test_unpublished_events_can_be_replaced(store: Store) -> None:
    collection = Collection(store)
    collection.waiting, collection.failures = [event(1)], 1
    with pytest.raises(StoreUnavailableError):
        await collection.events.flush()
    other = event(2)
    collection.events.replace_unsent(lambda _: other)
    await collection.events.flush()
    assert collection.published[1:] == [[other]]


async def test_a_failure_is_followed_by_a_pause_although_much_is_collected(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_batches, "_FAILURE_BACKOFF", Backoff(3600, 3600))
    collection = Collection(store)
    collection.waiting, collection.failures = [event(1)], 1_000
    async with collection.events.publishing(every=3600):
        collection.events.flush_soon()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(collection.published) == 1
    assert len(collection.published) == 2  # at the stop
