"""Detailed tests of the store port: values, filters, updates and orders are the same on every database."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from echo_common.store.port import Collection, Document, DuplicateError, Index, Store

MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
INDEXED = ("rank", "name", "at", "flag", "blob", "tags", "inner.rank", "parts.id")


@pytest.fixture(params=["plain", "indexed"])
async def things(store: Store, request: pytest.FixtureRequest) -> Collection:
    """A collection without indexes, and with indexes on all searched fields; results must be equal."""
    things = store.collection("things")
    await things.ensure([Index([(name, 1)]) for name in INDEXED] if request.param == "indexed" else [])
    return things


async def ids(things: Collection, where: dict[str, Any], **options: Any) -> str:
    order = {"sort": [("_id", 1)], **options}
    return "".join([document["_id"] async for document in things.find(where, **order)])


async def fill(things: Collection, **documents: dict[str, Any]) -> None:
    for name, fields in documents.items():
        await things.insert({"_id": name, **fields})


async def only(things: Collection) -> Document:
    found = await things.find_one({})
    assert found is not None
    return found


VALUES = [
    2**63 - 1, -(2**63), 2**53 + 1, 0, True, False, None, 0.1, 1e308, -2.5e-308, 5e-324, float("inf"), float("-inf"), 1.0,
    "", "a\x00b", "\u2028 \U0001f600 \ud7ff", '{"$date":1}', "{", b"", b"\x00\xff", MOMENT, datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC), [], {}, [[], [[1]], {"a": []}], {"a.b": 1}, {"": 1}, {"x": {"$date": 5}},
    {"$date": 5}, {"$bytes": "AA=="}, [{"$object": [["a", MOMENT]]}, MOMENT], {"at": MOMENT, "list": [b"x", {"at": MOMENT}]},
]  # fmt: skip


async def test_values_round_trip_with_their_types(things: Collection):
    for number, value in enumerate(VALUES):
        key = f"{number}"
        whole = {"_id": key, "value": value, "later": [value], "at": MOMENT}
        await things.insert(dict(whole))
        assert await things.find_one({"_id": key}) == whole
        await things.update_one({"_id": key}, {"$set": {"again": value, "inner": {"value": value}}})
        found = await things.find_one({"_id": key})
        assert found == {**whole, "again": value, "inner": {"value": value}}
        assert isinstance(found["value"], type(value))
        assert isinstance(found["value"], bool) is isinstance(value, bool)


async def test_times_are_stored_in_milliseconds_in_utc(things: Collection):
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45))) + timedelta(microseconds=999)
    await things.insert({"_id": "a", "at": elsewhere})
    found = (await only(things))["at"]
    assert found == MOMENT
    assert found.utcoffset() == timedelta(0)
    assert await things.count({"at": elsewhere}) == 1
    assert await things.count({"at": {"$lt": elsewhere}}) == 0


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, object(), {1, 2}, "\ud800"], ids=["big", "small", "object", "set", "half"]
)
async def test_unsupported_values_are_refused_and_change_nothing(things: Collection, value: Any):
    await things.insert({"_id": "a", "rank": 1})
    with pytest.raises((TypeError, OverflowError, ValueError, Exception)):
        await things.insert({"_id": "b", "value": value})
    with pytest.raises((TypeError, OverflowError, ValueError, Exception)):
        await things.update_one({"_id": "a"}, {"$set": {"value": value}})
    assert await things.find_one({}) == {"_id": "a", "rank": 1}
    assert await things.count({}) == 1


async def test_documents_of_eight_megabytes_are_accepted(things: Collection):
    long = "Größe\n" * (8 * 1024 * 1024 // 8)
    await things.insert({"_id": "a", "text": long, "rank": 1, "at": MOMENT})
    assert await things.update_one({"_id": "a", "rank": 1}, {"$set": {"rank": 2}})
    assert await things.find_one({"rank": 2}) == {"_id": "a", "text": long, "rank": 2, "at": MOMENT}


async def test_deep_documents_are_accepted_and_unlimited_depth_is_refused(things: Collection):
    def nested(levels: int) -> Any:
        value: Any = MOMENT
        for level in range(levels):
            value = {"in": value} if level % 2 else [value]
        return value

    await things.insert({"_id": "a", "value": nested(80)})
    assert (await only(things))["value"] == nested(80)
    with pytest.raises((TypeError, ValueError, RecursionError, Exception)):
        await things.insert({"_id": "b", "value": nested(2000)})
    assert await things.count({}) == 1


async def test_later_changes_to_a_saved_document_have_no_effect(things: Collection):
    document: Document = {"_id": "a", "list": [1], "inner": {"rank": 1}}
    await things.insert(document)
    document["list"].append("mine")
    found = await only(things)
    found["list"].append("mine")
    found["inner"]["rank"] = "mine"
    assert await only(things) == {"_id": "a", "list": [1], "inner": {"rank": 1}}


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"rank": 1}, "ab"), ({"rank": 1.0}, "ab"), ({"rank": True}, ""), ({"flag": True}, "a"), ({"flag": 1}, ""),
    ({"rank": None}, "ef"), ({"rank": {"$ne": None}}, "abcd"), ({"rank": {"$exists": True}}, "abcde"),
    ({"rank": {"$exists": False}}, "f"), ({"rank": {"$in": [1, None]}}, "abef"), ({"rank": {"$in": []}}, ""),
    ({"rank": {"$nin": [1, None]}}, "cd"), ({"rank": {"$nin": []}}, "abcdef"), ({"rank": {"$ne": 1}}, "cdef"),
    ({"rank": {"$nin": [1, 2]}}, "cdef"), ({"rank": {"$gt": 0}}, "ab"), ({"rank": {"$lt": 100}}, "ab"),
    ({"rank": {"$gte": "x"}}, "c"), ({"rank": {"$lt": "y"}}, "c"), ({"rank": {"$lte": MOMENT}}, "d"),
    ({"rank": {"$gt": MOMENT}}, ""), ({"rank": {"$not": {"$gt": 0}}}, "cdef"), ({"rank": {"$not": {"$in": [1]}}}, "cdef"),
    ({"at": {"$gte": MOMENT}}, "a"), ({"at": MOMENT}, "a"), ({"at": {"$lt": MOMENT}}, "b"), ({"blob": b"\x00"}, "a"),
    ({"blob": {"$gt": b"\x00"}}, "b"), ({"name": {"$regex": "^b"}}, "b"), ({"name": {"$regex": "e"}}, "bc"),
    ({"name": "a\x00y"}, "a"), ({"name": "a"}, ""), ({"inner.rank": 2}, "b"), ({"inner": {"rank": 2}}, "b"),
    ({"inner.rank": {"$gt": 0}}, "ab"), ({"inner.rank": None}, "cdef"), ({"inner.rank.deeper": None}, "abcdef"),
    ({"$or": [{"rank": 1, "flag": True}, {"name": "see"}]}, "ac"), ({"$or": [{"name": "see"}, {"other": 1}]}, "c"),
    ({"$and": [{"rank": 1}, {"$or": [{"flag": True}, {"name": "bee"}]}], "at": {"$exists": True}}, "ab"),
    ({"_id": {"$in": ["a", "f", "x"]}}, "af"), ({"_id": {"$gt": "d"}}, "ef"), ({"_id": {"$nin": ["a"]}, "rank": 1}, "b"),
    ({"_id": {"$regex": "[ab]"}}, "ab"), ({"_id": {"$ne": "a"}}, "bcdef"),
]  # fmt: skip


async def test_filters_compare_by_value_and_type(things: Collection):
    await fill(
        things,
        a={"rank": 1, "flag": True, "at": MOMENT, "blob": b"\x00", "name": "a\x00y", "inner": {"rank": 1}},
        b={"rank": 1.0, "flag": False, "at": MOMENT - timedelta(1), "blob": b"\x01", "name": "bee", "inner": {"rank": 2}},
        c={"rank": "x", "name": "see"},
        d={"rank": MOMENT},
        e={"rank": None, "inner": {"rank": None}},
        f={},
    )
    for where, found in FILTERS:
        assert await ids(things, where) == found, where
        assert await things.count(where) == len(found), where
        assert (await things.find_one(where) is not None) is bool(found), where


ARRAY_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"tags": "x"}, "ad"), ({"tags": ["x", "y"]}, "a"), ({"tags": {"$in": ["y", "q"]}}, "a"), ({"tags": {"$ne": "x"}}, "bcef"),
    ({"tags": {"$nin": ["x", 3]}}, "cef"), ({"tags": {"$gt": 2}}, "b"), ({"tags": None}, "ef"), ({"tags": []}, "c"),
    ({"tags": {"$exists": True}}, "abcde"), ({"tags.0": "x"}, "a"), ({"tags.1": {"$exists": True}}, "ab"),
    ({"parts.id": "p"}, "ac"), ({"parts.id": {"$in": ["q"]}}, "bc"), ({"parts.0.id": "q"}, "bc"), ({"parts.id": {"$ne": "p"}}, "bdef"),
    ({"parts": {"$elemMatch": {"id": "p", "n": 1}}}, "a"), ({"parts": {"$elemMatch": {"id": "p", "n": 2}}}, "c"),
    ({"parts": {"$not": {"$elemMatch": {"id": {"$nin": ["p"]}}}}}, "adef"), ({"tags": {"$regex": "^x"}}, "ad"),
    ({"tags": {"$elemMatch": {"$gte": 2, "$lt": 3}}}, "b"), ({"tags": {"$not": {"$gt": 2}}}, "acdef"),
]  # fmt: skip


async def test_arrays_are_found_by_their_members(things: Collection):
    await fill(
        things,
        a={"tags": ["x", "y"], "parts": [{"id": "p", "n": 1}]},
        b={"tags": [1, 2, 3], "parts": [{"id": "q", "n": 1}]},
        c={"tags": [], "parts": [{"id": "q", "n": 1}, {"id": "p", "n": 2}]},
        d={"tags": "x", "parts": []},
        e={"tags": None},
        f={},
    )
    for where, found in ARRAY_FILTERS:
        assert await ids(things, where) == found, where
        assert await things.count(where) == len(found), where
        assert (await things.find_one(where) is not None) is bool(found), where


async def test_array_members_are_found_by_current_value(things: Collection):
    await fill(things, a={"tags": ["x"], "rank": 1}, b={"tags": "y", "rank": 2}, c={"rank": 3})
    assert await ids(things, {"tags": "x"}) == "a"
    await things.update_one({"_id": "a"}, {"$push": {"tags": "y"}})
    await things.update_one({"_id": "c"}, {"$set": {"tags": ["y", "z"]}})
    assert await ids(things, {"tags": "y"}) == "abc"
    await things.update_many({"rank": {"$in": [1, 3]}}, {"$pull": {"tags": "y"}})
    assert await ids(things, {"tags": "y"}) == "b"
    await things.update_one({"_id": "a"}, {"$unset": {"tags": ""}})
    assert await ids(things, {"tags": "x"}) == ""
    assert await things.delete({"tags": "z"}) == 1
    assert await ids(things, {}) == "ab"


async def test_later_indexes_include_existing_documents(store: Store):
    things = store.collection("things")
    await fill(things, a={"rank": 2, "tags": ["x"]}, b={"rank": 1}, c={"tags": "x"})
    await things.ensure([Index([("tags", 1)]), Index([("rank", 1), ("tags", -1)]), Index([("code", 1)], unique=True)])
    assert await ids(things, {"tags": "x"}) == "ac"
    assert await ids(things, {}, sort=[("rank", 1)]) == "cba"
    await things.update_one({"_id": "a"}, {"$set": {"code": 1}})
    with pytest.raises(DuplicateError):
        await things.update_one({"_id": "b"}, {"$set": {"code": 1}})
    assert await ids(things, {"code": 1}) == "a"


async def test_unique_indexes_ignore_missing_fields_and_include_null(store: Store):
    things = store.collection("things")
    code = Index([("code", 1)], unique=True)
    place = Index([("user", 1), ("inner.place", 1)], unique=True)
    await things.ensure([code, place])
    await fill(things, a={}, b={"user": "u"}, c={"inner": {"place": 1}, "user": "v"}, d={"inner": {"place": 1}})
    await things.insert({"_id": "e", "code": None})
    for document, index in (
        ({"code": None}, code),
        ({"user": "v", "inner": {"place": 1}}, place),
        ({"user": "v", "inner": {"place": 1.0}}, place),
    ):
        with pytest.raises(DuplicateError) as refused:
            await things.insert({"_id": "x", **document})
        assert refused.value.index == index.name
    await things.insert({"_id": "f", "user": "v", "inner": {"place": None}})
    with pytest.raises(DuplicateError):
        await things.insert({"_id": "g", "user": "v", "inner": {"place": None}})
    await things.insert({"_id": "h", "code": "1"})
    await things.insert({"_id": "i", "code": 1})
    await things.insert({"_id": "j", "code": True})
    assert await things.delete({"code": None, "_id": "e"}) == 1
    await things.insert({"_id": "k", "code": None})


async def test_values_of_all_types_have_a_common_sort_order(things: Collection):
    order = [None, float("-inf"), -1, 0.5, 1, 2**53, 1e300, "", "A", "Z", "a", "\u00e9", "\uffff", "\U0001f600", b"", b"b", b"aa",
             False, True, MOMENT, MOMENT + timedelta(milliseconds=1)]  # fmt: skip
    for place in sorted(range(len(order)), key=lambda place: (place * 7) % len(order)):
        await things.insert({"_id": f"{place:02}", "rank": order[place], "group": "g"})
    found = [document["rank"] async for document in things.find({}, sort=[("rank", 1)])]
    assert found == order
    assert [document["rank"] async for document in things.find({}, sort=[("rank", -1)])] == order[::-1]
    two = [document["rank"] async for document in things.find({}, sort=[("group", 1), ("rank", -1)], skip=3, limit=4)]
    assert two == order[::-1][3:7]


async def test_missing_fields_sort_as_null_and_arrays_by_their_extremes(things: Collection):
    await fill(things, a={"rank": 5}, b={}, c={"rank": None}, d={"rank": [1, 9]}, e={"rank": 3}, f={"rank": [4]})
    assert await ids(things, {}, sort=[("rank", 1), ("_id", 1)]) == "bcdefa"
    assert await ids(things, {}, sort=[("rank", -1), ("_id", -1)]) == "dafecb"
    assert await ids(things, {}, sort=[("rank", 1), ("_id", -1)]) == "cbdefa"
    assert await ids(things, {"rank": {"$gt": 2}}, sort=[("rank", -1)], limit=2) == "da"


async def test_consecutive_pages_are_complete_for_any_sort_order(things: Collection):
    for number in range(30):
        await things.insert({"_id": f"{number:02}", "rank": number % 5, "odd": number % 2})
    for where in ({}, {"odd": 1}, {"rank": {"$gte": 1}}):
        whole = await ids(things, where, sort=[("rank", -1), ("_id", 1)])
        parts = [await ids(things, where, sort=[("rank", -1), ("_id", 1)], skip=skip, limit=7) for skip in range(0, 30, 7)]
        assert "".join(parts) == whole


async def test_nested_fields_are_supported(things: Collection):
    await things.insert({"_id": "a", "rank": 1, "inner": {"rank": 2, "other": 3}})
    assert [found async for found in things.find({"rank": 1}, fields=["inner.rank"])] == [{"_id": "a", "inner": {"rank": 2}}]


UPDATES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$set": {"inner.rank": 5, "new.deep.er": 1}}, {"inner": {"rank": 5, "x": [1]}, "new": {"deep": {"er": 1}}}),
    ({"$set": {"list.1.id": "z"}}, {"list": [{"id": 1}, {"id": "z"}, {"id": 3}]}),
    ({"$set": {"rank": None}}, {"rank": None}),
    ({"$unset": {"inner.x": "", "absent.deep": "", "rank": ""}}, {"inner": {"rank": 1}, "rank": ...}),
    ({"$inc": {"rank": -3, "inner.rank": 0.5, "count": 2}}, {"rank": -2, "inner": {"rank": 1.5, "x": [1]}, "count": 2}),
    ({"$min": {"rank": 3, "inner.rank": -1, "at": MOMENT}}, {"inner": {"rank": -1, "x": [1]}, "at": MOMENT}),
    ({"$push": {"inner.x": 2, "fresh": {"a": MOMENT}}}, {"inner": {"rank": 1, "x": [1, 2]}, "fresh": [{"a": MOMENT}]}),
    ({"$push": {"inner.x": {"$each": []}}}, {}),
    ({"$pull": {"list": {"id": {"$gte": 2}}}}, {"list": [{"id": 1}]}),
    ({"$pull": {"tags": "a"}}, {"tags": ["b"]}),
    ({"$pull": {"tags": {"$in": ["a", "b"]}, "absent": 1}}, {"tags": []}),
]  # fmt: skip


async def test_updates_change_nested_fields(things: Collection):
    before = {
        "rank": 1, "inner": {"rank": 1, "x": [1]}, "list": [{"id": 1}, {"id": 2}, {"id": 3}], "tags": ["a", "b", "a"],
    }  # fmt: skip
    for number, (update, expected) in enumerate(UPDATES):
        key = {"_id": f"{number}"}
        await things.insert({**key, **before})
        assert await things.update_one(key, update)
        wanted = {name: value for name, value in (before | expected).items() if value is not ...}
        assert await things.find_one(key) == {**key, **wanted}, update


async def test_invalid_updates_change_nothing(things: Collection):
    await things.insert({"_id": "a", "rank": 1, "name": "n"})
    for update in ({"$inc": {"name": 1}}, {"$push": {"rank": 1}}, {"$set": {"_id": "b"}}, {"$set": {"rank.deep": 1}}):
        with pytest.raises(Exception, match=r".+"):
            await things.update_one({"_id": "a"}, {"$set": {"other": 1}, **update} if "$set" not in update else update)
    assert await only(things) == {"_id": "a", "rank": 1, "name": "n"}


async def test_upserts_start_from_the_filter(things: Collection):
    await things.upsert({"_id": "a", "name": "n", "rank": {"$gt": 5}}, {"$set": {"at": MOMENT}, "$push": {"list": 1}})
    assert await only(things) == {"_id": "a", "name": "n", "at": MOMENT, "list": [1]}
    with pytest.raises(DuplicateError):
        await things.upsert({"_id": "a", "name": "other"}, {"$set": {"rank": 1}})


async def test_failed_writes_do_not_affect_others(store: Store):
    things = store.collection("things")
    await things.ensure([Index([("code", 1)], unique=True)])
    await things.insert({"_id": "first", "code": 0})
    writes = [things.insert({"_id": f"{number}", "code": number // 2}) for number in range(40)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, DuplicateError) for outcome in outcomes)
    assert outcomes.count(None) == 19
    assert await things.count({}) == 20
    assert {found["code"] async for found in things.find({})} == set(range(20))


async def test_concurrent_increments_add_up(things: Collection):
    await things.insert({"_id": "a", "rank": 0})
    await asyncio.gather(*(things.update_one({"_id": "a"}, {"$inc": {"rank": 1}}) for _ in range(60)))
    assert (await only(things))["rank"] == 60


async def test_cancelled_writes_are_complete_or_absent(things: Collection):
    inserts = [asyncio.ensure_future(things.insert({"_id": f"{number:02}", "rank": number})) for number in range(40)]
    await asyncio.sleep(0)
    for task in inserts[::2]:
        task.cancel()
    await asyncio.gather(*inserts, return_exceptions=True)
    await things.insert({"_id": "after", "rank": -1})
    found = {document["_id"]: document["rank"] async for document in things.find({})}
    assert {f"{number:02}" for number in range(1, 40, 2)} | {"after"} <= found.keys()
    assert all(rank == -1 or name == f"{rank:02}" for name, rank in found.items())
