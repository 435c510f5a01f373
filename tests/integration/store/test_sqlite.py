"""Guarantees of the SQLite adapter beyond the store port."""

import asyncio
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echo_common.clock import now
from echo_common.store.port import DuplicateError, Index, Store, StoreUnavailableError
from echo_common.store.sqlite import open_store
from echo_common.store.sqlite.matching import Wanted, matcher
from echo_common.store.sqlite.rows import _ROWS_AT_ONCE
from echo_common.store.sqlite.searching import Search, plan
from echo_common.store.sqlite.store import SqliteStore
from echo_common.store.sqlite.updates import document_from
from tests.support.disks import fill
from tests.support.eventually import eventually


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = cast("SqliteStore", await open_store(tmp_path / "database", "test", sweep_seconds=0.05))
    yield store
    await store.close()


async def pages_allowed(store: SqliteStore, count: int) -> None:
    """Limit the database to a number of pages, as on a full disk."""
    await store.write(lambda connection, _: connection.execute(f"PRAGMA max_page_count = {count}").fetchone()[0])


async def test_database_files_are_readable_only_by_their_owner(opened: SqliteStore, tmp_path: Path):
    await opened.collection("things").insert({"_id": "a"})
    folder = tmp_path / "database"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert "test.sqlite3" in {file.name for file in folder.iterdir()}


async def test_identifiers_do_not_equal_numbers(opened: SqliteStore):
    things = opened.collection("things")
    await things.insert({"_id": "5"})
    assert await things.find_one({"_id": "5"})
    assert await things.find_one({"_id": 5}) is None
    assert await things.count({"_id": {"$in": [5]}}) == 0
    assert await things.delete({"_id": {"$gte": 5}}) == 0


def test_repeated_upserts_insert_the_same_document():
    where, update = Wanted.of({"_id": "a", "tags": ["x"]}).where, {"$push": {"tags": "y"}}
    first, second = document_from(where, update), document_from(where, update)
    assert first == second == {"_id": "a", "tags": ["x", "y"]}


async def test_a_removed_folder_makes_the_database_unavailable(opened: SqliteStore, tmp_path: Path):
    shutil.rmtree(tmp_path / "database")
    with pytest.raises(StoreUnavailableError):
        await opened.ping()


async def test_acknowledged_writes_survive_a_kill(tmp_path: Path):
    program = textwrap.dedent(f"""
        import asyncio, pathlib
        from echo_common.store.sqlite import open_store

        async def main():
            store = await open_store(pathlib.Path({str(tmp_path)!r}), "test")
            things = store.collection("things")

            async def write(writer):
                number = 0
                while True:
                    await things.insert({{"_id": f"{{writer}}-{{number}}", "text": "x" * 500}})
                    print(f"{{writer}}-{{number}}", flush=True)
                    number += 1

            await asyncio.gather(*(write(writer) for writer in range(8)))

        asyncio.run(main())
    """)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout
    acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(200)]
    process.kill()
    acknowledged += [line.decode().strip() async for line in process.stdout if line.endswith(b"\n")]
    await process.wait()

    store = await open_store(tmp_path, "test")
    kept = {document["_id"] async for document in store.collection("things").find({})}
    await store.close()
    assert set(acknowledged) <= kept
    assert len(kept) <= len(acknowledged) + 8


async def test_a_bulk_update_that_violates_a_unique_index_changes_nothing(opened: SqliteStore):
    things = opened.collection("things")
    await things.ensure([Index([("email", 1)], unique=True)])
    for name in "abc":
        await things.insert({"_id": name, "email": name})
    with pytest.raises(DuplicateError):
        await things.update_many({}, {"$set": {"email": "x"}})
    assert {document["email"] async for document in things.find({})} == {"a", "b", "c"}


async def test_bulk_updates_of_several_batches_change_every_index(opened: SqliteStore):
    things = opened.collection("things")
    await things.ensure([Index([("rank", 1)]), Index([("tags", 1)])])
    count = _ROWS_AT_ONCE + 40
    await asyncio.gather(*(things.insert({"_id": f"n{number:03}", "rank": number, "tags": ["all"]}) for number in range(count)))
    assert await things.update_many({"rank": {"$gte": 10}}, {"$inc": {"rank": 1000}, "$push": {"tags": "new"}}) == count - 10
    assert await things.count({"tags": "new"}) == await things.count({"rank": {"$gte": 1000}}) == count - 10
    assert await things.count({"tags": "all"}) == count


async def test_commits_wait_for_the_disk(opened: SqliteStore):
    def settings(connection: sqlite3.Connection, _: object) -> int:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        return int(mode == "wal" and synchronous == 2)

    assert await opened.write(settings) == 1


async def test_pending_writes_are_committed_together_and_fail_separately(opened: SqliteStore):
    things = opened.collection("things")
    await things.ensure([])
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    def trace(connection: sqlite3.Connection, _: object) -> int:
        connection.set_trace_callback(count)
        return 0

    await opened.write(trace)
    commits = 0
    writes = [things.insert({"_id": f"{number % 90}"}) for number in range(100)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert outcomes.count(None) == 90
    assert 1 <= commits <= 20


async def test_abandoned_writes_delay_no_other_write(opened: SqliteStore):
    things = opened.collection("things")
    held = asyncio.ensure_future(opened.write(lambda connection, _: connection.execute("SELECT 1").fetchone()[0]))
    writes = [asyncio.ensure_future(things.insert({"_id": f"{number}"})) for number in range(20)]
    await asyncio.sleep(0)
    for write in [held, *writes]:
        write.cancel()
    await things.insert({"_id": "after"})
    assert await things.find_one({"_id": "after"}) == {"_id": "after"}


async def test_changes_to_a_document_during_its_write_are_not_written(opened: SqliteStore):
    things = opened.collection("things")
    document: dict[str, Any] = {"_id": "a", "list": [1]}
    change: dict[str, Any] = {"$push": {"list": {"$each": [2]}}, "$set": {"other": [1]}}
    writing = asyncio.gather(things.insert(document), things.update_one({"_id": "a"}, change))
    await asyncio.sleep(0)
    document["list"].append("mine")
    change["$set"]["other"].append("mine")
    await writing
    assert await things.find_one({}) == {"_id": "a", "list": [1, 2], "other": [1]}


async def test_expired_documents_are_removed(opened: SqliteStore):
    things = opened.collection("things")
    await things.ensure([Index([("at", 1)], ttl=60)])
    await things.insert({"_id": "old", "at": now() - timedelta(seconds=61)})
    await things.insert({"_id": "young", "at": now() - timedelta(seconds=30)})
    await things.insert({"_id": "none"})
    await things.insert({"_id": "text", "at": "2001-01-01"})
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)  # more than are removed at once
    await asyncio.gather(*(opened.collection("many").insert({"_id": f"{number}", "at": long_ago}) for number in range(1200)))
    await opened.collection("many").ensure([Index([("at", 1)], ttl=60)])

    async def swept() -> bool:
        return await things.count({}) == 3 and await opened.collection("many").count({}) == 0

    await eventually(swept)
    assert {found["_id"] async for found in things.find({})} == {"young", "none", "text"}


async def test_stores_on_the_same_file_see_each_others_collections(tmp_path: Path):
    stores = [await open_store(tmp_path, "test") for _ in range(2)]
    mine, other = (store.collection("things") for store in stores)
    await asyncio.gather(
        *(things.ensure([Index([("tags", 1)]), Index([("code", 1)], unique=True)]) for things in (mine, other))
    )
    await mine.insert({"_id": "a", "tags": "x", "code": 1})
    assert await other.count({"tags": "x"}) == 1
    await other.insert({"_id": "b", "tags": ["x"], "code": 2})
    assert await mine.count({"tags": "x"}) == 2
    claims = [
        things.update_one({"_id": "a", "code": 1}, {"$set": {"code": 3 + n}}) for n, things in enumerate([mine, other] * 5)
    ]
    assert sum(await asyncio.gather(*claims)) == 1
    for store in stores:
        await store.close()


async def test_damaged_files_are_reported_at_open(tmp_path: Path):
    (tmp_path / "test.sqlite3").write_bytes(b"not a database at all" * 400)
    with pytest.raises(StoreUnavailableError, match=r"test\.sqlite3 is damaged: "):
        await open_store(tmp_path, "test")


async def test_unusable_folders_are_named_at_open(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match=r"file/database.* cannot be used"):
        await open_store(tmp_path / "file" / "database", "test")


async def test_a_closed_store_reports_it(tmp_path: Path):
    store = await open_store(tmp_path, "test")
    things = store.collection("things")
    await store.close()
    for call in (things.insert({"_id": "a"}), things.find_one({})):
        with pytest.raises(StoreUnavailableError):
            await call
    assert await asyncio.to_thread(lambda: [file.name for file in tmp_path.iterdir()]) == ["test.sqlite3"]


async def test_locks_of_other_processes_are_awaited(opened: SqliteStore, tmp_path: Path):
    things = opened.collection("things")
    await things.ensure([])
    other = sqlite3.connect(tmp_path / "database" / "test.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(things.insert({"_id": "a"}))
    assert await things.count({}) == 0
    other.execute("COMMIT")
    other.close()
    await writing
    assert await things.count({}) == 1


async def test_a_full_disk_is_reported_and_reads_continue(opened: SqliteStore):
    things = opened.collection("things")
    await things.insert({"_id": "before", "text": "x"})
    (pages,) = await opened.read(lambda connection, _: connection.execute("PRAGMA page_count").fetchone())
    await pages_allowed(opened, pages)
    big = [things.insert({"_id": f"big{number}", "text": "x" * 50_000}) for number in range(3)]
    outcomes = await asyncio.gather(*big, things.update_one({"_id": "before"}, {"$set": {"text": "y"}}), return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["STORAGE_FULL"] * 3 + [None]
    assert isinstance(outcomes[0], StoreUnavailableError)
    assert (outcomes[0].status, outcomes[0].retry_after) == (503, 2)
    assert await things.find_one({"_id": "before"}) == {"_id": "before", "text": "y"}

    await pages_allowed(opened, 10_000)
    await things.insert({"_id": "after", "text": "x" * 50_000})
    assert await things.count({}) == 2


async def test_a_full_disk_loses_no_acknowledged_write(small_disk: Path):
    store = cast("SqliteStore", await open_store(small_disk / "database", "test"))
    things = store.collection("things")
    await things.ensure([Index([("rank", 1)])])
    await things.insert({"_id": "before", "rank": -1})
    filler = fill(small_disk)
    acknowledged: set[str] = {"before"}

    async def write(number: int) -> str | None:
        try:
            await things.insert({"_id": f"{number}", "rank": number, "text": "x" * 20_000})
        except StoreUnavailableError as error:
            return error.code
        acknowledged.add(f"{number}")
        return None

    refused = [await asyncio.gather(*(write(start + number) for number in range(8))) for start in range(0, 400, 8)]
    assert refused[-1] == ["STORAGE_FULL"] * 8
    with pytest.raises(StoreUnavailableError) as down:
        await store.ping()
    assert down.value.code == "STORAGE_FULL"
    assert {found["_id"] async for found in things.find({"rank": {"$gte": -1}})} == acknowledged

    filler.unlink()
    await store.ping()
    assert await asyncio.gather(*(write(1000 + number) for number in range(8))) == [None] * 8
    await store.close()
    again = await open_store(small_disk / "database", "test")
    assert {found["_id"] async for found in again.collection("things").find({})} == acknowledged
    await again.close()


async def test_the_probe_writes_and_checks_the_free_space(tmp_path: Path):
    store = cast("SqliteStore", await open_store(tmp_path, "test", minimum_free_bytes=2**60))
    with pytest.raises(StoreUnavailableError, match="MB are free") as refused:
        await store.ping()
    assert refused.value.code == "STORAGE_FULL"
    await store.collection("things").insert({"_id": "a"})
    await store.close()
    store = cast("SqliteStore", await open_store(tmp_path, "test"))
    await store.ping()
    await pages_allowed(store, 1)
    await store.ping()  # a page that is there already can be written
    await store.close()


async def test_declared_indexes_are_used(opened: SqliteStore):
    things = opened.collection("things")
    await things.ensure([Index([("user", 1), ("at", -1)]), Index([("outbox_at", 1)], sparse=True), Index([("tags", 1)])])
    await things.insert({"_id": "a", "tags": ["x"]})
    for where, sort in (
        ({"user": "u"}, [("at", -1)]),
        ({"user": "u", "at": {"$gte": now()}}, [("at", -1)]),
        ({"outbox_at": {"$gt": now()}}, [("outbox_at", 1)]),
        ({"tags": "x"}, []),
        ({"$or": [{"tags": "x"}, {"user": "u"}]}, []),
        ({"_id": {"$in": ["a", "b"]}}, []),
    ):
        told = await explained(opened, "things", where, sort)
        assert "SCAN things" not in told, told
        assert "TEMP B-TREE" not in told, told


async def explained(store: SqliteStore, collection: str, where: dict[str, Any], sort: Any = ()) -> str:
    def explain(connection: sqlite3.Connection, schema: Any) -> str:
        planned = plan(Search(Wanted.of(where), sort), schema.table(collection))
        assert planned
        rows = connection.execute(f"EXPLAIN QUERY PLAN {planned[0]}", planned[1].values)
        return "\n".join(row[3] for row in rows)

    return str(await store.read(explain))


VALUES = st.sampled_from(
    [None, True, False, 0, 1, 1.5, -1, "a", "b", "", b"", b"a", datetime(2001, 1, 1, tzinfo=UTC), float("inf")]
)
FIELDS = st.sampled_from(["x", "y", "inner.x"])
CONDITIONS = st.one_of(
    VALUES,
    st.tuples(st.sampled_from(["$eq", "$ne", "$lt", "$lte", "$gt", "$gte"]), VALUES).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=3)).map(lambda pair: {pair[0]: pair[1]}),
    st.booleans().map(lambda flag: {"$exists": flag}),
    st.tuples(VALUES, VALUES).map(lambda pair: {"$gte": pair[0], "$lt": pair[1]}),
    VALUES.map(lambda value: {"$not": {"$gt": value}}),
)
SIMPLE = st.dictionaries(FIELDS, CONDITIONS, max_size=2)
FILTERS = SIMPLE | st.tuples(SIMPLE, st.lists(SIMPLE, min_size=1, max_size=3), st.sampled_from(["$or", "$and"])).map(
    lambda found: {**found[0], found[2]: found[1]}
)
MEMBERS = VALUES | st.lists(VALUES, max_size=3)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"x": MEMBERS, "y": VALUES, "inner": st.fixed_dictionaries({}, optional={"x": VALUES})}
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(documents=st.lists(DOCUMENTS, max_size=8), filters=st.lists(FILTERS, min_size=8, max_size=8))
def test_indexes_do_not_change_results(tmp_path_factory: Any, documents: list[Any], filters: list[Any]):
    async def compare() -> None:
        store: Store = await open_store(tmp_path_factory.mktemp("any"), "test")
        things = store.collection("things")
        await things.ensure([Index([("x", 1), ("y", -1)]), Index([("y", 1)]), Index([("inner.x", 1)])])
        whole = [{"_id": f"{number}", **document} for number, document in enumerate(documents)]
        await asyncio.gather(*(things.insert(document) for document in whole))
        for where in filters:
            wanted = {document["_id"] for document in whole if matcher(where)(document)}
            assert {found["_id"] async for found in things.find(where)} == wanted, where
            assert await things.count(where) == len(wanted), where
        await store.close()

    asyncio.run(compare())
