"""Tests of the behaviour of every repository."""

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from echo_common.bus.delivery import current_cause
from echo_common.outbox.relay import Relay
from echo_common.outbox.repository import StaleError
from echo_common.store.port import Document, DuplicateError, Index, Store
from tests.integration.outbox.counters import (
    Colour,
    Counted,
    Counter,
    CounterNotFoundError,
    Counters,
    Part,
    RecordingBus,
    new_counter,
)


@pytest.fixture
async def counters(store: Store) -> Counters:
    """A repository without a running relay, so that outboxes keep their events."""
    counters = Counters(store, Relay(RecordingBus()))
    await counters.prepare()
    return counters


async def raw(store: Store, key: str) -> Document:
    document = await store.collection("counters").find_one({"_id": key})
    assert document is not None
    return document


async def test_aggregates_round_trip(counters: Counters):
    counter = Counter(
        id="cnt_1", needed="yes", value=3, colour=Colour.BLUE, tags=frozenset("ab"), blob=b"\x00\x01", shade=None,
        parts=[Part(name="p", colours=(Colour.RED, Colour.BLUE))],
    )  # fmt: skip
    await counters.add(counter)
    assert counter.version == 1
    assert await counters.get("cnt_1") == counter

    counter.parts.append(Part(name="q"))
    counter.needed = None
    await counters.save(counter)
    assert counter.version == 2
    assert await counters.get("cnt_1") == counter


async def test_saving_updates_updated_at(counters: Counters):
    counter = new_counter("cnt_1")
    await counters.add(counter)
    created_at, first = counter.created_at, counter.updated_at
    while counter.updated_at == first:
        await counters.save(counter)
    assert (await counters.get("cnt_1")).updated_at > first
    assert (await counters.get("cnt_1")).created_at == created_at


async def test_aggregates_of_other_owners_are_not_found(counters: Counters):
    await counters.add(new_counter("cnt_1"))
    assert (await counters.get("cnt_1", user_id="usr_1")).id == "cnt_1"
    with pytest.raises(CounterNotFoundError):
        await counters.get("cnt_1", user_id="usr_2")
    with pytest.raises(CounterNotFoundError):
        await counters.get("cnt_2")
    with pytest.raises(CounterNotFoundError):
        await counters.update("cnt_1", Counter.count, user_id="usr_2")


async def test_searches_are_sorted_limited_and_counted(counters: Counters):
    for number in range(5):
        await counters.add(new_counter(f"cnt_{number}", counts=number))
    found = [counter.id async for counter in counters.find({"value": {"$gt": 0}}, sort=[("value", -1)], skip=1, limit=2)]
    assert found == ["cnt_3", "cnt_2"]
    assert await counters.count({"value": {"$gt": 0}}) == 4
    assert (await counters.find_one({"value": 4})) == await counters.get("cnt_4")
    assert await counters.find_one({"value": 9}) is None


async def test_several_aggregates_may_lack_a_unique_field(counters: Counters):
    await counters.add(new_counter("cnt_1"))
    await counters.add(new_counter("cnt_2"))
    await counters.add(new_counter("cnt_3", nickname="joe"))
    with pytest.raises(DuplicateError) as refused:
        await counters.add(new_counter("cnt_4", nickname="joe"))
    assert refused.value.index == Index([("nickname", 1)]).name

    joe = await counters.get("cnt_3")
    joe.nickname = None
    await counters.save(joe)
    await counters.add(new_counter("cnt_4", nickname="joe"))


async def test_state_version_and_events_are_saved_in_one_write(counters: Counters, store: Store):
    counter = new_counter("cnt_1", counts=2)
    await counters.add(counter)
    assert counter.pending == ()
    counter.count()
    await counters.save(counter)
    document = await raw(store, "cnt_1")
    assert (document["value"], document["version"]) == (3, 2)
    assert [Counted.model_validate_json(entry["body"]).value for entry in document["outbox"]] == [1, 2, 3]
    assert {entry["topic"] for entry in document["outbox"]} == {"test.counted"}
    assert document["outbox_at"]


async def test_refused_writes_keep_the_events_in_the_aggregate(counters: Counters):
    await counters.add(new_counter("cnt_1", nickname="joe"))
    late = new_counter("cnt_2", counts=1, nickname="joe")
    with pytest.raises(DuplicateError):
        await counters.add(late)
    assert (len(late.pending), late.version) == (1, 0)
    late.nickname = None
    await counters.add(late)
    assert late.pending == ()


async def test_events_contain_their_origin(counters: Counters, store: Store):
    tracer = TracerProvider().get_tracer("test")
    cause = current_cause.set("evt_cause")
    try:
        with tracer.start_as_current_span("request") as span:
            await counters.add(new_counter("cnt_1", counts=1))
    finally:
        current_cause.reset(cause)
    (entry,) = (await raw(store, "cnt_1"))["outbox"]
    assert entry["headers"]["causation-id"] == "evt_cause"
    assert trace.format_trace_id(span.get_span_context().trace_id) in entry["headers"]["traceparent"]


async def test_concurrent_saves_raise_a_conflict(counters: Counters):
    await counters.add(new_counter("cnt_1"))
    first, second = await counters.get("cnt_1"), await counters.get("cnt_1")
    first.count()
    await counters.save(first)
    second.count()
    with pytest.raises(StaleError) as refused:
        await counters.save(second)
    assert (refused.value.code, refused.value.status) == ("VERSION_CONFLICT", 409)
    assert (await counters.get("cnt_1")).value == 1
    assert len(second.pending) == 1


async def test_concurrent_updates_are_applied_once_each(counters: Counters, store: Store):
    await counters.add(new_counter("cnt_1"))
    await asyncio.gather(*(counters.update("cnt_1", Counter.count) for _ in range(8)))
    document = await raw(store, "cnt_1")
    assert (document["value"], document["version"]) == (8, 9)
    assert [Counted.model_validate_json(entry["body"]).value for entry in document["outbox"]] == list(range(1, 9))


async def test_changes_that_raise_save_nothing(counters: Counters):
    await counters.add(new_counter("cnt_1"))

    def refuse(counter: Counter) -> None:
        counter.count()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await counters.update("cnt_1", refuse)
    assert (await counters.get("cnt_1")).value == 0


async def test_erased_aggregates_are_gone_and_their_events_remain(counters: Counters, store: Store):
    counter = new_counter("cnt_1", counts=1, nickname="joe")
    await counters.add(counter)
    await store.collection("counters").update_one({"_id": "cnt_1"}, {"$set": {"from_newer_code": "secret"}})
    counter.count()
    counter.erase()
    await counters.save(counter)

    document = await raw(store, "cnt_1")
    assert document.keys() == {"_id", "tombstone", "outbox", "outbox_at"}
    assert [Counted.model_validate_json(entry["body"]).value for entry in document["outbox"]] == [1, 2]
    with pytest.raises(CounterNotFoundError):
        await counters.get("cnt_1")
    assert [found async for found in counters.find({})] == []
    for where in ({}, {"nickname": "joe"}, {"nickname": None}, {"_id": "cnt_1", "nickname": None}):
        assert await counters.count(where) == 0, where
    await counters.add(new_counter("cnt_2", nickname="joe"))


async def test_aggregates_erased_without_events_leave_nothing(counters: Counters, store: Store):
    counter = new_counter("cnt_1")
    await counters.add(counter)
    counter.erase()
    await counters.save(counter)
    assert await store.collection("counters").count({}) == 0


async def test_changed_aggregates_are_not_erased(counters: Counters):
    await counters.add(new_counter("cnt_1"))
    stale = await counters.get("cnt_1")
    await counters.update("cnt_1", Counter.count)
    stale.erase()
    with pytest.raises(StaleError):
        await counters.save(stale)
    fresh = await counters.get("cnt_1")
    late = await counters.get("cnt_1")
    fresh.erase()
    await counters.save(fresh)
    late.count()
    with pytest.raises(StaleError):
        await counters.save(late)


async def test_documents_of_other_code_versions_load(counters: Counters, store: Store):
    await counters.add(new_counter("cnt_1"))
    documents = store.collection("counters")
    await documents.update_one({"_id": "cnt_1"}, {"$set": {"from_newer_code": {"a": 1}}, "$unset": {"tags": "", "value": ""}})
    counter = await counters.get("cnt_1")
    assert (counter.value, counter.tags) == (0, frozenset())
    counter.count()
    await counters.save(counter)
    assert (await raw(store, "cnt_1"))["from_newer_code"] == {"a": 1}


async def test_only_changed_fields_are_written(counters: Counters, store: Store):
    counter = new_counter("cnt_1", nickname="joe")
    counter.parts.append(Part(name="p"))
    await counters.add(counter)
    loaded = await counters.get("cnt_1")
    behind_our_back = {"colour": "blue", "nickname": "jim"}
    await store.collection("counters").update_one({"_id": "cnt_1"}, {"$set": behind_our_back})

    for writer in (counter, loaded):
        writer.version = (await counters.get("cnt_1")).version
        writer.parts.append(Part(name="q"))
        writer.needed = None
        await counters.save(writer)

        document = await raw(store, "cnt_1")
        assert document | behind_our_back == document
        assert [part["name"] for part in document["parts"]] == ["p", "q"]
        assert "needed" not in document


async def test_fields_omitted_at_reading_are_kept_at_saving(counters: Counters, store: Store):
    counter = new_counter("cnt_1", nickname="joe")
    counter.parts.append(Part(name="p"))
    await counters.add(counter)
    [partial] = [found async for found in counters.find({}, without=("parts", "nickname"))]
    assert (partial.parts, partial.nickname, partial.id) == ([], None, "cnt_1")

    partial.count()
    await counters.save(partial)

    whole = await counters.get("cnt_1")
    assert (whole.value, [part.name for part in whole.parts], whole.nickname) == (1, ["p"], "joe")
