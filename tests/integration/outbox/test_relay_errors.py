"""Unexpected errors of the outbox relay are reported; those of the reports themselves are only logged."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.contracts.events.synthesis import SynthesisErrorLogged
from echo_common.error_reports import ErrorReports
from echo_common.outbox.event_batches import EventBatches
from echo_common.outbox.relay import Relay
from echo_common.store.port import Collection, Store
from tests.integration.outbox.counters import Counters, RecordingBus, new_counter
from tests.support.error_log import sources
from tests.support.eventually import eventually


class BrokenBus(RecordingBus):
    """A bus that fails by a fault of its own code while it is broken."""

    broken = True

    async def publish(self, messages: Sequence[Message]) -> None:
        self.attempts += 1
        if self.broken:
            raise KeyError("exchange")
        await super().publish(messages)


@pytest.fixture
def broken() -> BrokenBus:
    return BrokenBus()


@pytest.fixture
def reports() -> ErrorReports:
    return ErrorReports("synthesis")


@pytest.fixture
async def relay(broken: BrokenBus, reports: ErrorReports) -> AsyncIterator[Relay]:
    relay = Relay(broken, sweep_every=0.02, leftover_after=0, errors=reports)
    yield relay
    await relay.close(timeout=0.1)


def failure() -> SynthesisErrorLogged:
    return SynthesisErrorLogged(error_type="KeyError", error_message="It broke.", source="background", last_at=now())


async def test_a_failed_publication_is_reported_and_repeated(
    counters: Counters, broken: BrokenBus, reports: ErrorReports
) -> None:
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: broken.attempts > 2)
    broken.broken = False
    await eventually(lambda: broken.values("cnt_1") == [1])
    ((kind, source, subject, count),) = sources(reports.collect())
    assert (kind, source, subject) == ("KeyError", "background", "outbox_publication")
    assert count > 1


async def test_the_failed_publication_of_a_report_is_not_reported(
    store: Store, relay: Relay, broken: BrokenBus, reports: ErrorReports
) -> None:
    batches = EventBatches(store, relay)
    await batches.prepare()
    await relay.start()
    with capture_logs() as logs:
        await batches.publish([failure()])
        await eventually(lambda: broken.attempts > 2)
    assert "event_publish_failed" in {entry["event"] for entry in logs}
    assert reports.collect() == []


async def test_a_failure_to_read_an_outbox_is_reported(
    store: Store, relay: Relay, reports: ErrorReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = store.collection("counters")
    reads = 0

    def find(*_: Any, **__: Any) -> Any:
        nonlocal reads
        reads += 1
        raise KeyError("outbox")

    monkeypatch.setattr(collection, "find", find)
    relay.watch(collection)
    await relay.start()
    await eventually(lambda: reads > 1)
    assert [entry[:3] for entry in sources(reports.collect())] == [("KeyError", "background", "outbox_read")]


@pytest.mark.parametrize("of_reports", [False, True])
async def test_a_failed_removal_is_reported_unless_it_concerns_reports_alone(
    store: Store, relay: Relay, broken: BrokenBus, reports: ErrorReports, of_reports: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken.broken = False
    counters, batches = Counters(store, relay), EventBatches(store, relay)
    await counters.prepare()
    await batches.prepare()
    removals = 0

    async def fail(_: Collection, __: object) -> None:
        nonlocal removals
        removals += 1
        raise KeyError("outbox")

    monkeypatch.setattr("echo_common.outbox.relay._empty", fail)
    await relay.start()
    await (batches.publish([failure()]) if of_reports else counters.add(new_counter("cnt_1", counts=1)))
    await eventually(lambda: removals > 0)
    expected = [] if of_reports else [("KeyError", "background", "outbox_removal")]
    assert [entry[:3] for entry in sources(reports.collect())] == expected
