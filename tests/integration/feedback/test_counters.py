"""Counters contain every change once, in documents of bounded size."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from echo_common.bus.delivery import encode
from echo_common.bus.port import DeadLetter
from echo_common.clock import now
from echo_common.contracts.events.gateway import RequestServed
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.store.port import Store
from echo_feedback.repository.applied_events import AppliedEvents
from echo_feedback.repository.counters import MAXIMUM_APPLIED, PERIOD, Change, Counters
from tests.integration.feedback.test_usage import served, use
from tests.support.database import Database

IDENTITY = {PERIOD: now()}


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    opened = await database.open("feedback")
    yield opened
    await opened.close()


async def opened(store: Store) -> Counters:
    counters = Counters(store, "statistics")
    await counters.prepare()
    return counters


async def value(store: Store) -> int:
    document = await store.collection("statistics").find_one({"_id": "hour"})
    return 0 if document is None else int(document["counts"]["requests"])


def change(number: int) -> Change:
    return Change(f"evt_{number}/x", {"requests": 1})


async def test_changes_count_once_in_two_replicas_at_once(store: Store) -> None:
    replicas = [await opened(store), await opened(store)]
    for _ in range(2):
        changes = [each.apply("hour", IDENTITY, change(number)) for number in range(50) for each in replicas]
        await asyncio.gather(*changes)
    assert await value(store) == 50


async def test_a_counter_holds_the_ids_of_one_write_only(store: Store) -> None:
    counters = await opened(store)
    for first in (0, 450, 900):
        await asyncio.gather(*(counters.apply("hour", IDENTITY, change(first + number)) for number in range(450)))
    document = await store.collection("statistics").find_one({"_id": "hour"})
    assert document is not None
    assert len(document["applied"]) <= MAXIMUM_APPLIED
    await asyncio.gather(*(counters.apply("hour", IDENTITY, change(number)) for number in range(1_350)))
    assert await value(store) == 1_350


async def test_an_old_dead_letter_that_is_replayed_counts_once(store: Store) -> None:
    counters, applied, letters = await opened(store), AppliedEvents(store), StoreDeadLetters(store)
    event = served(use(requests=1))
    for change_id in (f"{event.event_id}/x", "evt_other/x", "evt_later/x"):
        await counters.apply("hour", IDENTITY, Change(change_id, {"requests": 1}))
    await letters.add(DeadLetter("feedback", encode(event), "Another handler failed.", 5, now()))
    assert await applied.expire(now() + timedelta(days=29)) == 0
    assert await applied.expire(now() + timedelta(days=1_000)) == 1
    await counters.apply("hour", IDENTITY, Change(f"{event.event_id}/x", {"requests": 1}))
    assert await value(store) == 3
    await letters.remove(event.event_id)
    assert await applied.expire(now() + timedelta(days=1_000)) == 2


async def test_an_event_with_two_uses_of_an_endpoint_counts_both(ada: Any) -> None:
    event = RequestServed(uses=(use(None, requests=2), use(None, requests=3)))
    await ada.publish(event, event)
    rows = await ada.acting_as("usr_admin", scope="admin").get("/admin/usage")
    assert [row["request_count"] for row in rows] == [5]
