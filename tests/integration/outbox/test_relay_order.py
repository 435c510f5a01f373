"""Order of the outbox relay: events of an aggregate stay in order, and delay no event of another aggregate."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import pytest

from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.bus.port import BusUnavailableError, Consumer, Done, Message, Outcome
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import StaleError
from echo_common.store.port import Store
from tests.integration.outbox.counters import (
    Counter,
    Counters,
    RecordingBus,
    all_outboxes_empty,
    another_replica,
    new_counter,
)
from tests.support.eventually import eventually


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
