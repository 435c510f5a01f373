"""Tests of the outbox relay while its database is unavailable."""

from pathlib import Path

import pytest

from echo_common.outbox.relay import Relay
from echo_common.store.mongo import open_store
from echo_embedded.database import EmbeddedDatabase
from tests.integration.outbox.counters import Counter, Counters, RecordingBus, new_counter
from tests.support.eventually import eventually


@pytest.mark.slow
async def test_events_published_during_a_database_outage_are_removed_afterwards(
    mortal_server: EmbeddedDatabase, tmp_path: Path
):
    url = await mortal_server.start()
    store = await open_store(url, "test")
    bus = RecordingBus()
    relay = Relay(bus, sweep_every=0.1)
    counters = Counters(store, relay)
    await counters.prepare()
    await relay.start()
    await counters.add(new_counter("cnt_2"))
    bus.open.clear()
    await counters.add(new_counter("cnt_1", counts=1))
    await eventually(lambda: bus.in_flight == 1)
    await mortal_server.stop()
    bus.open.set()
    await eventually(lambda: bus.values("cnt_1") == [1])

    again = EmbeddedDatabase(tmp_path / "mortal", port=int(url.split(":")[2].split("/")[0]))
    await again.start()
    try:
        await eventually(lambda: nothing_pending(counters), within=30)
        await counters.update("cnt_2", Counter.count)
        await eventually(lambda: bus.values("cnt_2") == [1])
        assert bus.values("cnt_1") == [1]
    finally:
        await relay.close()
        await store.close()
        await again.stop()


async def nothing_pending(counters: Counters) -> bool:
    return await counters.count({"outbox": {"$exists": True}}) == 0
