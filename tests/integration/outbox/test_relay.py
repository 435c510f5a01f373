"""Guarantees of the outbox relay: all events are published, also those of dead replicas and after outages, and then removed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from echo_common.faults import FaultPoints
from echo_common.outbox.relay import Relay
from echo_common.store.port import Document, Store
from tests.integration.outbox.counters import (
    Counter,
    Counters,
    RecordingBus,
    all_outboxes_empty,
    another_replica,
    make_older,
    new_counter,
)
from tests.support.eventually import eventually


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
    await make_older(store)
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
