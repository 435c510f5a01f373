"""Behaviour suite of the snapshot port."""

import asyncio
from datetime import UTC, datetime
from itertools import count

import pytest

from echo_common.store.connect import open_snapshot
from echo_common.store.port import Index, Snapshot, StoreUnavailableError
from tests.support.database import Database

VALUES = {
    "text": "a\nb\0ü",
    "bytes": b"\0\xff",
    "date": datetime(2026, 11, 22, tzinfo=UTC),
    "list": [1, 2.5, None, {"deep": True}],
}


async def ids(snapshot: Snapshot, database: str, collection: str = "things") -> list[str]:
    return sorted([document["_id"] async for document in snapshot.documents(database, collection)])


async def test_a_snapshot_holds_all_documents_with_their_values(any_database: Database) -> None:
    store = await any_database.open("first")
    things = store.collection("things")
    await things.ensure([Index([("list", 1)])])
    documents = [{"_id": f"{number:04d}", **VALUES} for number in range(600)]
    for start in range(0, len(documents), 20):
        await asyncio.gather(*(things.insert(dict(document)) for document in documents[start : start + 20]))
    await store.collection("others").ensure([])

    name = any_database.prefix + "first"
    async with open_snapshot(any_database.url, [name, any_database.prefix + "absent"]) as snapshot:
        assert await snapshot.collections(name) == ["others", "things"]
        assert await snapshot.collections(any_database.prefix + "absent") == []
        found = [document async for document in snapshot.documents(name, "things")]
        assert await ids(snapshot, name, "others") == []
    assert sorted(found, key=lambda document: document["_id"]) == documents
    assert await store.collections() == ["others", "things"]
    await store.close()


async def test_later_writes_are_not_in_a_snapshot(any_database: Database) -> None:
    store = await any_database.open("first")
    name = any_database.prefix + "first"
    await store.collection("things").insert({"_id": "before"})
    async with open_snapshot(any_database.url, [name]) as snapshot:
        if not snapshot.consistent:
            await store.close()
            pytest.skip("this server has no snapshot reads")
        await store.collection("things").insert({"_id": "after"})
        await store.collection("things").delete({"_id": "before"})
        await store.collection("later").insert({"_id": "after"})

        assert await ids(snapshot, name) == ["before"]
    await store.close()


async def test_all_databases_are_as_of_one_moment(any_database: Database) -> None:
    names = [any_database.prefix + name for name in ("second", "first")]
    second, first = await any_database.open("second"), await any_database.open("first")
    stop = asyncio.Event()

    async def write_in_order() -> None:
        for number in count():
            await first.collection("things").insert({"_id": f"{number:06d}"})
            await second.collection("things").insert({"_id": f"{number:06d}"})
            if stop.is_set():
                return

    writing = asyncio.create_task(write_in_order())
    try:
        for _ in range(20):
            async with open_snapshot(any_database.url, names) as snapshot:
                later, earlier = await ids(snapshot, names[0]), await ids(snapshot, names[1])
                if snapshot.consistent:
                    assert earlier[: len(later)] == later
                    assert len(earlier) - len(later) in {0, 1}
    finally:
        stop.set()
        await writing
    await first.close()
    await second.close()


async def test_an_unreachable_server_is_reported() -> None:
    with pytest.raises(StoreUnavailableError):
        async with open_snapshot("mongodb://127.0.0.1:9/", ["first"]):
            pass


async def test_an_unknown_url_is_refused() -> None:
    with pytest.raises(ValueError, match="no store for"):
        open_snapshot("redis://127.0.0.1", ["first"])
