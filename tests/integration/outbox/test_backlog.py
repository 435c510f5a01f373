"""Measurement of unpublished events."""

from datetime import timedelta

import pytest

from echo_common.clock import now
from echo_common.outbox.backlog import OutboxBacklog
from echo_common.outbox.relay import Relay
from tests.integration.outbox.counters import Counters, RecordingBus, new_counter
from tests.support.eventually import eventually


async def test_unpublished_events_are_counted_and_have_an_age(counters: Counters, relay: Relay, bus: RecordingBus) -> None:
    assert await relay.measure_backlog() == OutboxBacklog(0, 0.0)
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
        return await relay.measure_backlog() == OutboxBacklog(0, 0.0)

    await eventually(published, within=20)


async def test_an_aggregate_that_changes_during_an_outage_keeps_the_age_of_its_oldest_event(
    counters: Counters, relay: Relay, bus: RecordingBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.away = True
    started = now()
    monkeypatch.setattr("echo_common.outbox.repository.now", lambda: started - timedelta(seconds=600))
    await counters.add(new_counter("cnt_1", counts=1))
    monkeypatch.undo()
    await counters.update("cnt_1", lambda counter: counter.count())
    assert (await relay.measure_backlog()).age_seconds >= 600
