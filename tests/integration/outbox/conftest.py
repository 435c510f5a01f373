"""An outbox relay on a bus that records, and counters as aggregates."""

from collections.abc import AsyncIterator

import pytest

from echo_common.outbox.relay import Relay
from echo_common.store.port import Store
from tests.integration.outbox.counters import Counters, RecordingBus


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
