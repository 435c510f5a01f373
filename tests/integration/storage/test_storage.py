"""Behaviour suite of the storage port."""

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echo_common.storage.connect import open_storage
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import BLOCK, ListedObject, ObjectInfo, ObjectNotFoundError, ObjectStore
from tests.support.s3 import S3Server

MIB = 1024**2


@pytest.fixture(params=["folder", "s3"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "folder":
        storage = await open_storage((tmp_path / "stored objects").as_uri())
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        storage = await server.bucket().open()
    yield storage
    await storage.close()


async def content(storage: ObjectStore, key: str, *span: int) -> bytes:
    return b"".join([block async for block in storage.read(key, *span)])


async def keys(storage: ObjectStore, prefix: str = "") -> list[str]:
    return [key async for key in storage.keys(prefix)]


async def test_objects_round_trip(storage: ObjectStore):
    stored = await storage.put("audio/a.wav", b"hello", "audio/wav")
    assert stored == ObjectInfo("audio/a.wav", 5, "audio/wav", hashlib.sha256(b"hello").hexdigest())
    assert await storage.info("audio/a.wav") == stored
    assert await content(storage, "audio/a.wav") == b"hello"


async def test_empty_objects_are_stored(storage: ObjectStore):
    assert (await storage.put("empty", b"", "text/plain")).size == 0
    assert await content(storage, "empty") == b""
    assert (await storage.info("empty")).size == 0


async def test_replacing_replaces_everything(storage: ObjectStore):
    await storage.put("a", b"first and longer", "text/plain")
    second = await storage.put("a", b"second", "audio/mpeg")
    assert await content(storage, "a") == b"second"
    assert await storage.info("a") == second
    assert await keys(storage) == ["a"]


@pytest.mark.parametrize(
    ("span", "expected"),
    [((0, 4), b"0123"), ((3,), b"3456789"), ((3, 7), b"3456"), ((8, 100), b"89"), ((10,), b""), ((50, 60), b""), ((4, 4), b"")],
)
async def test_ranges_can_be_read(storage: ObjectStore, span, expected):
    await storage.put("digits", b"0123456789", "text/plain")
    assert await content(storage, "digits", *span) == expected


async def test_missing_items_are_not_found(storage: ObjectStore):
    await storage.put("folder/there", b"x", "text/plain")
    for key in ("folder/absent", "absent/there", "folder"):
        with pytest.raises(ObjectNotFoundError) as refused:
            await content(storage, key)
        assert (refused.value.code, refused.value.status) == ("OBJECT_NOT_FOUND", 404)
        with pytest.raises(ObjectNotFoundError):
            await content(storage, key, 5, 5)
        with pytest.raises(ObjectNotFoundError):
            await storage.info(key)
        await storage.delete(key)
    assert await keys(storage) == ["folder/there"]


async def test_reading_an_unused_store_finds_nothing(storage: ObjectStore):
    with pytest.raises(ObjectNotFoundError):
        await storage.info("a")
    await storage.delete("a")
    assert await keys(storage) == []


async def test_deletions_keep_other_objects(storage: ObjectStore):
    await storage.put("a/b/c", b"1", "text/plain")
    await storage.put("a/d", b"2", "text/plain")
    await storage.delete("a/b/c")
    await storage.delete("a/b/c")
    assert await keys(storage) == ["a/d"]
    assert await content(storage, "a/d") == b"2"


async def test_keys_are_listed_in_order_and_by_prefix(storage: ObjectStore):
    names = ["a-b", "a.b", "a/b", "a/b.c/d", "a/b0", "a0", "b/x", "b/y", "bb"]
    await asyncio.gather(*(storage.put(name, b"x", "text/plain") for name in names))
    assert await keys(storage) == sorted(names)
    for prefix in ("a", "a/", "a/b", "a/b.", "b/", "b/x", "zz", "a/b/c"):
        assert await keys(storage, prefix) == sorted(name for name in names if name.startswith(prefix))


@pytest.mark.parametrize(
    "key", ["../a", "a/../../b", "/etc/passwd", "a//b", "a/", "", ".", "..", "a/./b", "a\\b", "a b", "é", "a\n", "a\0"]
)
async def test_keys_outside_the_store_are_refused(storage: ObjectStore, key):
    for attempt in (
        storage.put(key, b"x", "text/plain"),
        storage.put_file(key, Path(__file__), "text/plain"),
        storage.info(key),
        storage.delete(key),
        content(storage, key),
    ):
        with pytest.raises(ValueError, match="not a key"):
            await attempt


@pytest.mark.slow
async def test_large_files_are_streamed_in_constant_memory(storage: ObjectStore, tmp_path: Path):
    big = tmp_path / "big"
    digest = hashlib.sha256()
    with big.open("wb") as file:
        for number in range(96):
            block = number.to_bytes(4, "big") * (MIB // 4)
            file.write(block)
            digest.update(block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stored = await storage.put_file("big", big, "audio/wav")
    assert (stored.size, stored.checksum) == (96 * MIB, digest.hexdigest())
    assert await storage.info("big") == stored
    read = hashlib.sha256()
    async for block in storage.read("big"):
        assert len(block) <= BLOCK
        read.update(block)
    assert read.hexdigest() == digest.hexdigest()
    if isinstance(storage, FolderStorage):  # moto's server holds what it is given in this very process
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB


async def test_missing_source_files_raise_an_error(storage: ObjectStore, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        await storage.put_file("a", tmp_path / "absent", "text/plain")


async def test_readers_see_a_single_complete_version(storage: ObjectStore):
    versions = [bytes([number]) * (2 * BLOCK) for number in range(8)]
    await storage.put("a", versions[0], "text/plain")
    reads = asyncio.gather(*(content(storage, "a") for _ in range(20)))
    for version in versions[1:]:
        await storage.put("a", version, "text/plain")
    assert set(await reads) <= set(versions)
    assert await content(storage, "a") == versions[-1]


async def test_reads_can_be_abandoned(storage: ObjectStore):
    await storage.put("a", b"x" * (4 * BLOCK), "text/plain")
    async for block in storage.read("a"):
        assert len(block) <= BLOCK
        break
    await storage.delete("a")
    assert await keys(storage) == []


@pytest.mark.slow
async def test_concurrent_puts_and_deletes_in_a_folder_succeed(storage: ObjectStore):
    async def come_and_go(number: int) -> None:
        for _ in range(10):
            await storage.put(f"a/b/{number}", b"x", "text/plain")
            await storage.delete(f"a/b/{number}")

    await asyncio.gather(*(come_and_go(number) for number in range(6)))
    assert await keys(storage) == []


async def test_storage_can_be_pinged(storage: ObjectStore):
    await storage.ping()
    assert await keys(storage) == []


async def test_listings_are_paged_in_order_with_modification_times(storage: ObjectStore):
    started = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    names = ["a/1", "a/2/x", "a/2/y", "a/2.wav", "a/20", "a/b/c/d", "ab", "b/1"]
    for name in names:
        await storage.put(name, b"x", "text/plain")
    wanted = sorted(name for name in names if name.startswith("a/"))
    for limit in (1, 2, 3, 100):
        found: list[ListedObject] = []
        after = ""
        while page := await storage.list("a/", after=after, limit=limit):
            assert len(page) <= limit
            found += page
            after = page[-1].key
        assert [one.key for one in found] == wanted
        assert all(started <= one.modified <= datetime.now(UTC) + timedelta(seconds=1) for one in found)
    assert [one.key for one in await storage.list("")] == sorted(names)
    assert await storage.list("c/") == []


async def test_empty_listings_are_empty(storage: ObjectStore):
    assert await storage.list("") == []
