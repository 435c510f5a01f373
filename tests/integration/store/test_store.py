"""Behaviour suite of the store port."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from echo_common.clock import now
from echo_common.outbox.documents import OUTBOX, holds_only
from echo_common.store.port import Collection, DuplicateError, Index, Store


@pytest.fixture
async def things(store: Store) -> Collection:
    things = store.collection("things")
    await things.ensure([Index([("rank", 1)])])
    return things


async def everything(things: Collection, where=None, **options):
    return [document async for document in things.find(where or {}, **options)]


async def test_documents_round_trip(things: Collection):
    moment = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
    document = {
        "_id": "a", "text": "h\u00e9llo", "number": 2**40, "share": 0.5, "flag": True, "nothing": None,
        "at": moment, "bytes": b"\x00\xff", "list": [1, "two", [3.0]], "inner": {"deep": {"er": 1}},
    }  # fmt: skip
    await things.insert(dict(document))
    found = await things.find_one({"_id": "a"})
    assert found == document
    assert found["at"].utcoffset() == timedelta(0)


async def test_missing_items_are_not_found(things: Collection):
    assert await things.find_one({"_id": "nobody"}) is None
    assert await everything(things) == []
    assert await things.count({}) == 0


async def test_duplicate_ids_are_refused(things: Collection):
    await things.insert({"_id": "a"})
    with pytest.raises(DuplicateError) as refused:
        await things.insert({"_id": "a"})
    assert refused.value.index == "_id_"
    assert refused.value.code == "DUPLICATE_CONFLICT"


async def test_unique_violations_name_the_index(things: Collection):
    email = Index([("email", 1)], unique=True)
    pair = Index([("user_id", 1), ("name", -1)], unique=True)
    await things.ensure([email, pair])
    await things.insert({"_id": "a", "email": "x@y", "user_id": "u", "name": "n"})
    with pytest.raises(DuplicateError) as by_insert:
        await things.insert({"_id": "b", "email": "x@y"})
    assert by_insert.value.index == email.name
    await things.insert({"_id": "b"})
    with pytest.raises(DuplicateError) as by_update:
        await things.update_one({"_id": "b"}, {"$set": {"user_id": "u", "name": "n"}})
    assert by_update.value.index == pair.name
    with pytest.raises(DuplicateError) as by_batch:
        await things.update_many({"_id": {"$in": ["b"]}}, {"$set": {"email": "x@y"}})
    assert by_batch.value.index == email.name


async def test_a_unique_index_ignores_documents_that_lack_its_fields(things: Collection):
    await things.ensure([Index([("email", 1)], unique=True), Index([("user_id", 1), ("name", 1)], unique=True)])
    for number in range(3):
        await things.insert({"_id": f"bare{number}"})
        await things.insert({"_id": f"half{number}", "user_id": "same"})
    assert await things.count({}) == 6


async def test_indexes_can_be_recreated_with_another_kind(store: Store):
    things = store.collection("things")
    await asyncio.gather(*(things.ensure([Index([("at", 1)])]) for _ in range(4)))
    moment = now()
    await things.insert({"_id": "a", "at": moment})
    await things.ensure([Index([("at", 1)], unique=True)])
    with pytest.raises(DuplicateError):
        await things.insert({"_id": "b", "at": moment})


async def test_pages_are_sorted_and_limited(things: Collection):
    for rank in (3, 1, 2, 5, 4):
        await things.insert({"_id": f"r{rank}", "rank": rank, "even": rank % 2 == 0})
    page = await everything(things, sort=[("rank", -1)], skip=1, limit=2)
    assert [document["rank"] for document in page] == [4, 3]
    by_two = await everything(things, sort=[("even", 1), ("rank", 1)])
    assert [document["rank"] for document in by_two] == [1, 3, 5, 2, 4]


async def test_documents_are_streamed_one_by_one(things: Collection):
    await asyncio.gather(*(things.insert({"_id": f"{number:04}", "rank": number}) for number in range(600)))
    assert [found["rank"] for found in await everything(things, sort=[("rank", 1)])] == list(range(600))


@pytest.mark.slow
async def test_searches_can_be_abandoned(things: Collection):
    await asyncio.gather(*(things.insert({"_id": f"{number:04}"}) for number in range(300)))
    async for _ in things.find({}):
        break
    assert await things.count({}) == 300


async def test_only_selected_fields_are_returned(things: Collection):
    await things.insert({"_id": "a", "rank": 1, "text": "long", "inner": {"a": 1}})
    assert await everything(things, fields=["rank", "absent"]) == [{"_id": "a", "rank": 1}]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"rank": 2}, "b"),
        ({"rank": {"$in": [1, 3]}}, "ac"),
        ({"rank": {"$nin": [1, 3]}}, "bd"),
        ({"rank": {"$ne": 1}}, "bcd"),
        ({"rank": {"$gt": 1, "$lte": 3}}, "bc"),
        ({"rank": {"$gte": 2, "$lt": 3}}, "b"),
        ({"rank": {"$exists": False}}, "d"),
        ({"name": {"$regex": "^b"}}, "b"),
        ({"$or": [{"rank": 1}, {"name": "dee"}]}, "ad"),
        ({"$and": [{"rank": {"$gt": 1}}, {"name": {"$ne": "see"}}]}, "b"),
        ({"tags.0.id": "x"}, "a"),
        ({"rank": 1, "name": "bee"}, ""),
    ],
)
async def test_portable_filters_are_supported(things: Collection, where, ids):
    await things.insert({"_id": "a", "rank": 1, "name": "ay", "tags": [{"id": "x"}]})
    await things.insert({"_id": "b", "rank": 2, "name": "bee"})
    await things.insert({"_id": "c", "rank": 3, "name": "see"})
    await things.insert({"_id": "d", "name": "dee"})
    assert "".join([found["_id"] for found in await everything(things, where, sort=[("_id", 1)])]) == ids
    assert await things.count(where) == len(ids)


async def test_every_update_operator_changes_a_single_match(things: Collection):
    await things.insert({"_id": "a", "rank": 1, "old": 1, "list": [{"id": 1}, {"id": 2}]})
    assert await things.update_one({"_id": "a"}, {"$set": {"text": "t"}, "$unset": {"old": ""}, "$inc": {"rank": 4}})
    assert await things.update_one({"_id": "a"}, {"$push": {"list": {"$each": [{"id": 3}, {"id": 4}]}}})
    assert await things.update_one({"_id": "a"}, {"$pull": {"list": {"id": {"$in": [1, 3]}}}})
    assert await things.find_one({}) == {"_id": "a", "rank": 5, "text": "t", "list": [{"id": 2}, {"id": 4}]}
    assert not await things.update_one({"_id": "b"}, {"$set": {"text": "t"}})


async def test_concurrent_claims_succeed_once(things: Collection):
    await things.insert({"_id": "a", "version": 1})
    claims = [things.update_one({"_id": "a", "version": 1}, {"$set": {"version": 2, "by": n}}) for n in range(20)]
    assert sum(await asyncio.gather(*claims)) == 1


async def test_bulk_updates_change_every_match(things: Collection):
    for name in "abc":
        await things.insert({"_id": name, "rank": 0})
    assert await things.update_many({"_id": {"$in": ["a", "b", "x"]}, "rank": 0}, {"$set": {"rank": 1}}) == 2
    assert await things.update_many({"_id": {"$in": []}}, {"$set": {"rank": 2}}) == 0
    assert await things.count({"rank": 1}) == 2


async def test_bulk_updates_depend_on_the_state_of_each_match(things: Collection):
    await things.ensure([Index([("rank", 1)]), Index([("tags", 1)])])
    for number in range(90):
        tags = {"tags": ["all", f"t{number}"]} if number % 3 == 0 else {}
        await things.insert({"_id": f"n{number:03}", "rank": number, **tags})
    assert await things.update_many({"rank": {"$gte": 10}}, {"$inc": {"rank": 1000}, "$push": {"tags": "new"}}) == 80
    assert await things.count({"tags": "new"}) == 80
    assert await things.count({"tags": "all"}) == 30
    found = [document async for document in things.find({"rank": {"$gt": 999}}, sort=[("rank", 1)])]
    assert [document["rank"] for document in found] == [number + 1000 for number in range(10, 90)]
    assert await things.find_one({"tags": "t12"}) == {"_id": "n012", "rank": 1012, "tags": ["all", "t12", "new"]}


async def test_documents_with_only_given_outbox_entries_are_found(things: Collection):
    for name, entries in {"all": "ab", "some": "a", "more": "abc", "other": "c", "empty": ""}.items():
        await things.insert({"_id": name, OUTBOX: [{"id": entry} for entry in entries]})
    await things.insert({"_id": "none"})
    found = [document["_id"] async for document in things.find(holds_only(["a", "b"]), sort=[("_id", 1)])]
    assert found == ["all", "empty", "none", "some"]


async def test_upserts_insert_then_update(things: Collection):
    await things.upsert({"_id": "a"}, {"$inc": {"count": 1}})
    await things.upsert({"_id": "a"}, {"$inc": {"count": 1}})
    assert await everything(things) == [{"_id": "a", "count": 2}]


async def test_concurrent_upserts_create_a_single_document(things: Collection):
    upserts = [things.upsert({"_id": "monday"}, {"$inc": {"count": 1}}) for _ in range(10)]
    outcomes = await asyncio.gather(*upserts, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, DuplicateError) for outcome in outcomes)
    assert await everything(things) == [{"_id": "monday", "count": outcomes.count(None)}]


async def test_deletions_return_the_count(things: Collection):
    for rank in range(5):
        await things.insert({"_id": str(rank), "rank": rank})
    assert await things.delete({"rank": {"$lt": 3}}) == 3
    assert await things.delete({"rank": {"$lt": 3}}) == 0
    assert await things.count({}) == 2


async def test_the_store_can_be_pinged(store: Store):
    await store.ping()


async def test_the_time_of_the_server_goes_on(store: Store):
    first = await store.time()
    await asyncio.sleep(0.05)
    second = await store.time()

    assert first.utcoffset() == timedelta(0)
    assert timedelta(milliseconds=45) <= second - first < timedelta(seconds=10)
    assert abs(second - now()) < timedelta(minutes=1)
