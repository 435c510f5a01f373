"""Guarantees of the outbox relay: all events are published in order and then removed."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import BusUnavailableError, Consumer, Done, Message, Outcome
from echo_common.clock import now
from echo_common.faults import FaultPoints
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import StaleError
from echo_common.store.port import Document, Store
from tests.integration.outbox.counters import Counter, Counters, RecordingBus, new_counter
from tests.support.eventually import eventually


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
async def relay(bus: RecordingBus) -> AsyncIterator[Relay]:
    relay = Relay(bus, sweep_every=0.05)
    yield relay
    await relay.close()


@pytest.fixture
async def counters(store: Store, relay: Relay) -> Counters:
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    return counters


async def another_replica(store: Store) -> Counters:
    """A replica that dies before its relay runs."""
    return Counters(store, Relay(RecordingBus()))


async def age(store: Store) -> None:
    """Make pending events one hour older."""
    documents = store.collection("counters")
    async for document in documents.find({"outbox_at": {"$exists": True}}):
        await documents.update_one({"_id": document["_id"]}, {"$set": {"outbox_at": now() - timedelta(hours=1)}})


async def all_outboxes_empty(store: Store) -> bool:
    documents = store.collection("counters")
    return not await documents.count({"outbox": {"$exists": True}}) + await documents.count({"outbox_at": {"$exists": True}})


async def test_events_are_published_once_in_order_and_removed(counters: Counters, bus: RecordingBus, store: Store):
    await asyncio.gather(*(counters.add(new_counter(f"cnt_{number}", counts=2)) for number in range(20)))
    for _ in range(5):
        await asyncio.gather(*(counters.update(f"cnt_{number}", Counter.count) for number in range(20)))
    await eventually(lambda: all_outboxes_empty(store))
    for number in range(20):
        assert bus.values(f"cnt_{number}") == [1, 2, 3, 4, 5, 6, 7]
        assert (await counters.get(f"cnt_{number}")).value == 7


async def test_events_of_a_dead_replica_are_published(counters: Counters, bus: RecordingBus, store: Store):
    dead = await another_replica(store)
    await dead.add(new_counter("cnt_1", counts=3))
    await age(store)
    await eventually(lambda: all_outboxes_empty(store))
    assert bus.values("cnt_1") == [1, 2, 3]


async def test_events_of_an_earlier_process_are_published_at_once(bus: RecordingBus, store: Store):
    await (await another_replica(store)).add(new_counter("cnt_1", counts=1))
    relay = Relay(bus, leftover_after=3600)
    await relay.start()
    Counters(store, relay)
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.values("cnt_1") == [1]


async def test_older_events_are_published_before_new_ones(store: Store, bus: RecordingBus):
    await (await another_replica(store)).add(new_counter("cnt_1", counts=1))
    relay = Relay(bus)
    counters = Counters(store, relay)
    await counters.update("cnt_1", Counter.count)
    await relay.start()
    await counters.update("cnt_1", Counter.count)
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.values("cnt_1") == [1, 2, 3]


async def test_a_bus_outage_neither_loses_nor_repeats_events(counters: Counters, bus: RecordingBus, store: Store):
    bus.away = True
    for number in range(10):
        await counters.add(new_counter(f"cnt_{number}", counts=1))
    await eventually(lambda: bus.attempts > 2)
    for number in range(10):
        await counters.update(f"cnt_{number}", Counter.count)
    bus.away = False
    await eventually(lambda: all_outboxes_empty(store))
    assert [bus.values(f"cnt_{number}") for number in range(10)] == [[1, 2]] * 10


@pytest.mark.slow
async def test_events_are_published_after_an_outage_without_further_writes(counters: Counters, bus: RecordingBus, store: Store):
    bus.away = True
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: bus.attempts > 2)
    bus.away = False
    await eventually(lambda: all_outboxes_empty(store))
    assert bus.values("cnt_1") == [1]


async def test_events_written_while_the_relay_catches_up_are_published_soon(store: Store, bus: RecordingBus):
    await (await another_replica(store)).add(new_counter("cnt_1", counts=1))
    relay = Relay(bus, window=1, backlog=1, sweep_every=0.05, leftover_after=3600)
    counters = Counters(store, relay)
    await counters.prepare()
    bus.open.clear()
    await relay.start()
    await eventually(lambda: bus.in_flight == 1)
    for _ in range(5):  # more than it remembers
        await counters.update("cnt_1", Counter.count)
    bus.open.set()
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.values("cnt_1") == [1, 2, 3, 4, 5, 6]


async def test_unpublishable_events_delay_no_other_aggregate(store: Store):
    class PickyBus(RecordingBus):
        async def publish(self, messages: Sequence[Message]) -> None:
            if any(b"cnt_3" in message.body for message in messages):
                raise ValueError("cannot be packed")
            await super().publish(messages)

    for number in range(10):
        await (await another_replica(store)).add(new_counter(f"cnt_{number}", counts=1))
    bus = PickyBus()
    relay = Relay(bus, leftover_after=3600)
    Counters(store, relay)
    await relay.start()
    await eventually(lambda: len(bus.published) == 9)
    await relay.close()
    assert bus.values("cnt_3") == []


def count_twice(counter: Counter) -> None:
    counter.count()
    counter.count()


async def test_missed_events_are_not_overtaken_by_later_ones(store: Store, bus: RecordingBus):
    relay = Relay(bus, backlog=1, sweep_every=0.05, leftover_after=3600)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    bus.open.clear()
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: bus.in_flight == 1)
    await counters.update("cnt_1", count_twice)  # more than the backlog
    await eventually(lambda: not relay._behind)
    await counters.update("cnt_1", Counter.count)
    bus.open.set()
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.values("cnt_1") == [1, 2, 3, 4]


async def test_slow_publications_do_not_stop_sweeps(store: Store):
    slow = asyncio.Event()

    class UnevenBus(RecordingBus):
        async def publish(self, messages: Sequence[Message]) -> None:
            if any(b"cnt_slow" in message.body for message in messages):
                await slow.wait()
            await super().publish(messages)

    bus = UnevenBus()
    relay = Relay(bus, sweep_every=0.05, leftover_after=0)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    await counters.add(new_counter("cnt_slow", counts=1))
    await eventually(lambda: not relay._ready)
    await counters.update("cnt_slow", Counter.count)
    await (await another_replica(store)).add(new_counter("cnt_1", counts=1))
    await eventually(lambda: bus.values("cnt_1") == [1])
    slow.set()
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.values("cnt_slow") == [1, 2]


async def test_temporarily_refused_events_repeat_others_at_most_once(store: Store):
    class RefusingBus(RecordingBus):
        refusing = True

        async def publish(self, messages: Sequence[Message]) -> None:
            self.attempts += 1
            refused = [message for message in messages if b"cnt_bad" in message.body and self.refusing]
            self.published += [message for message in messages if message not in refused]
            if refused:
                raise BusUnavailableError

    dead = await another_replica(store)
    for name in "bad", *map(str, range(10)):
        await dead.add(new_counter(f"cnt_{name}", counts=1))
    bus = RefusingBus()
    relay = Relay(bus, sweep_every=0.05)
    counters = Counters(store, relay)
    await relay.start()
    await eventually(lambda: bus.attempts > 4)
    bus.refusing = False
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert len(bus.published) <= 11 + 10
    assert bus.values("cnt_bad") == [1]
    assert await counters.count({"outbox": {"$exists": True}}) == 0


@pytest.mark.parametrize("seed", range(4))
async def test_events_stay_in_order_while_the_relay_catches_up(store: Store, seed: int):
    """More aggregates than the window wait from an earlier process, writes continue, and the bus is slow and fails at times."""
    chance = random.Random(seed)

    class UnreliableBus(RecordingBus):
        async def publish(self, messages: Sequence[Message]) -> None:
            await asyncio.sleep(chance.uniform(0, 0.02))
            if chance.random() < 0.02:
                raise BusUnavailableError
            await super().publish(messages)

    bus = UnreliableBus()
    keys = [f"cnt_{number}" for number in range(60)]
    dead = await another_replica(store)
    await dead.prepare()
    await asyncio.gather(*(dead.add(new_counter(key, counts=2)) for key in keys))
    relay = Relay(bus, window=16, backlog=chance.choice([4, 1000]), sweep_every=0.05)
    counters = Counters(store, relay)
    await relay.start()

    async def write() -> None:
        for _ in range(25):
            with suppress(StaleError):  # another writer was quicker
                await counters.update(chance.choice(keys), Counter.count)
            await asyncio.sleep(chance.uniform(0, 0.01))

    await asyncio.gather(*(write() for _ in range(4)))
    await eventually(lambda: all_outboxes_empty(store), within=30)
    await relay.close()
    for key in keys:
        expected = list(range(1, (await counters.get(key)).value + 1))
        assert list(dict.fromkeys(bus.values(key))) == expected


async def test_events_beyond_the_window_wait_in_the_database(store: Store, bus: RecordingBus):
    relay = Relay(bus, window=4, backlog=8, sweep_every=0.05, leftover_after=3600)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    bus.open.clear()
    for _ in range(3):
        for number in range(30):
            key = f"cnt_{number}"
            await (
                counters.add(new_counter(key, counts=1))
                if not await counters.count({"_id": key})
                else counters.update(key, Counter.count)
            )
    assert relay._waiting <= 8
    bus.open.set()
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    assert bus.most_in_flight <= 4 * 3  # four aggregates, three events of each
    assert [bus.values(f"cnt_{number}") for number in range(30)] == [[1, 2, 3]] * 30


async def test_slow_aggregates_delay_no_other(store: Store):
    broker = InprocBroker()
    bus = InprocBus(broker)
    handled: list[str] = []
    stuck = asyncio.Event()

    async def deliver(message: Message) -> Outcome:
        if b"cnt_slow" in message.body:
            await stuck.wait()
        handled.append(message.id)
        return Done()

    await bus.consume(Consumer("test", ["test.counted"], deliver))
    relay = Relay(bus)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    await counters.add(new_counter("cnt_slow", counts=1))
    for number in range(10):
        await counters.add(new_counter(f"cnt_{number}", counts=1))
    await eventually(lambda: len(handled) == 10)
    assert await store.collection("counters").count({"outbox_at": {"$exists": True}}) >= 1
    stuck.set()
    await eventually(lambda: all_outboxes_empty(store))
    assert len(handled) == 11
    await relay.close()
    await bus.close()


async def test_tombstones_are_removed_after_their_last_event(counters: Counters, bus: RecordingBus, store: Store):
    bus.open.clear()
    counter = new_counter("cnt_1", counts=1)
    await counters.add(counter)
    await eventually(lambda: bus.in_flight == 1)
    counter.count()
    counter.erase()
    await counters.save(counter)
    bus.open.set()
    await eventually(lambda: gone(store))
    assert bus.values("cnt_1") == [1, 2]


async def test_tombstones_without_events_are_removed(store: Store, bus: RecordingBus):
    relay = Relay(bus, sweep_every=0.05, leftover_after=0.1)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    bus.open.clear()
    counter = new_counter("cnt_1", counts=1)
    await counters.add(counter)
    await eventually(lambda: bus.in_flight == 1)
    counter.erase()
    await counters.save(counter)
    bus.open.set()
    await eventually(lambda: gone(store))
    await relay.close()
    assert bus.values("cnt_1") == [1]


async def gone(store: Store) -> bool:
    return await store.collection("counters").count({}) == 0


async def test_two_relays_can_share_an_outbox(store: Store, bus: RecordingBus):
    relays = [Relay(bus, sweep_every=0.02, leftover_after=0) for _ in range(2)]
    pairs = [Counters(store, relay) for relay in relays]
    await pairs[0].prepare()
    for relay in relays:
        await relay.start()
    await pairs[0].add(new_counter("cnt_1", counts=1))
    for turn in range(20):
        await pairs[turn % 2].update("cnt_1", Counter.count)
    await eventually(lambda: all_outboxes_empty(store))
    for relay in relays:
        await relay.close()
    assert set(bus.values("cnt_1")) == set(range(1, 22))


async def test_closing_publishes_remaining_events(counters: Counters, relay: Relay, bus: RecordingBus, store: Store):
    await asyncio.gather(*(counters.add(new_counter(f"cnt_{number}", counts=1)) for number in range(50)))
    await relay.close()
    assert await all_outboxes_empty(store)
    assert len(bus.published) == 50


async def test_closing_publishes_events_written_during_a_sweep(store: Store, bus: RecordingBus):
    relay = Relay(bus)
    counters = Counters(store, relay)
    await counters.prepare()
    swept = store.collection("counters")
    find, reading, may_go_on = swept.find, asyncio.Event(), asyncio.Event()

    async def slow_find(*where: Any, **options: Any) -> AsyncIterator[Document]:
        found = [document async for document in find(*where, **options)]
        reading.set()
        await may_go_on.wait()
        for document in found:
            yield document

    swept.find = slow_find  # type: ignore[method-assign]
    relay.watch(swept)
    await relay.start()
    await reading.wait()
    await counters.add(new_counter("cnt_1", counts=1))
    asyncio.get_running_loop().call_later(0.1, may_go_on.set)
    await relay.close()
    assert bus.values("cnt_1") == [1]
    assert await all_outboxes_empty(store)


async def test_closing_does_not_wait_for_an_unavailable_bus(counters: Counters, relay: Relay, bus: RecordingBus, store: Store):
    bus.open.clear()
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: bus.in_flight == 1)
    await relay.close(timeout=0.1)
    assert bus.in_flight == 0
    assert not await all_outboxes_empty(store)


async def test_the_critical_fault_points_are_reached(store: Store, bus: RecordingBus):
    passed: list[str] = []

    class Noted(FaultPoints):
        async def reach(self, name: str) -> None:
            passed.append(name)

    relay = Relay(bus, faults=Noted())
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: all_outboxes_empty(store))
    await relay.close()
    # A relay that has just started may find the event before its writer tells of it.
    assert sorted(passed) == ["relay.after_confirm_before_removal", "relay.after_save_before_publish"]
