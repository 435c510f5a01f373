"""Measurement of unpublished events."""

from echo_common.outbox.backlog import Backlog
from echo_common.outbox.relay import Relay
from tests.integration.outbox.counters import Counters, RecordingBus, new_counter
from tests.support.eventually import eventually


async def test_unpublished_events_are_counted_and_have_an_age(counters: Counters, relay: Relay, bus: RecordingBus) -> None:
    assert await relay.measure_backlog() == Backlog(0, 0.0)
    bus.away = True
    await counters.add(new_counter("cnt_1", counts=2))
    await counters.add(new_counter("cnt_2", counts=1))
    await counters.add(new_counter("cnt_3"))

    async def aged() -> bool:
        return (await relay.measure_backlog()).age_seconds > 0

    await eventually(aged)
    assert (await relay.measure_backlog()).aggregates == 2
    bus.away = False

    async def published() -> bool:
        return await relay.measure_backlog() == Backlog(0, 0.0)

    await eventually(published, within=20)
