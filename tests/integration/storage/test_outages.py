"""Storage outages are reported, and incomplete objects are never visible."""

import asyncio
import os
import resource
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from echo_common.storage.connect import open_storage
from echo_common.storage.port import StorageUnavailableError
from tests.support.disks import fill
from tests.support.s3 import S3Server


@pytest.mark.slow
async def test_an_unavailable_s3_server_is_reported():
    server = S3Server()
    server.start()
    storage = await server.bucket().open()
    await storage.put("a", b"x", "text/plain")
    server.stop()
    for attempt in (storage.put("b", b"y", "text/plain"), storage.info("a"), storage.delete("a"), anext(storage.read("a")), anext(storage.keys("")), storage.ping()):  # fmt: skip
        with pytest.raises(StorageUnavailableError) as refused:
            await attempt
        assert (refused.value.status, refused.value.code) == (503, "SERVICE_UNAVAILABLE")
    await storage.close()


async def test_unwritable_folders_are_reported(tmp_path: Path):
    (tmp_path / "file").touch()
    storage = await open_storage((tmp_path / "file" / "objects").as_uri())
    for attempt in (storage.put("b", b"y", "text/plain"), storage.ping()):
        with pytest.raises(StorageUnavailableError):
            await attempt


async def test_a_full_disk_is_reported_and_reads_continue(tmp_path: Path):
    storage = await open_storage(tmp_path.as_uri())
    await storage.put("before", b"x" * 1000, "text/plain")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # a file that grows beyond it meets an error, as on a full disk
    try:
        with pytest.raises(StorageUnavailableError) as refused:
            await storage.put("big", b"x" * 200_000, "text/plain")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (refused.value.status, refused.value.code) == (503, "STORAGE_FULL")
    assert b"".join([block async for block in storage.read("before")]) == b"x" * 1000
    assert list((tmp_path / "incoming").iterdir()) == []
    await storage.put("big", b"x" * 200_000, "text/plain")
    assert [key async for key in storage.keys("")] == ["before", "big"]


async def test_the_probe_checks_the_free_space(tmp_path: Path):
    await (await open_storage(tmp_path.as_uri(), minimum_free_bytes=1)).ping()
    with pytest.raises(StorageUnavailableError, match="MB are free") as refused:
        await (await open_storage(tmp_path.as_uri(), minimum_free_bytes=2**60)).ping()
    assert refused.value.code == "STORAGE_FULL"


async def test_a_full_disk_fails_the_probe(small_disk: Path):
    storage = await open_storage(small_disk.as_uri())
    await storage.put("before", b"x", "text/plain")
    filler = fill(small_disk)
    for attempt in (storage.ping(), storage.put("big", b"x" * 200_000, "text/plain")):
        with pytest.raises(StorageUnavailableError) as refused:
            await attempt
        assert refused.value.code == "STORAGE_FULL"
    filler.unlink()
    await storage.ping()


async def test_interrupted_writes_are_invisible(tmp_path: Path):
    storage = await open_storage((tmp_path / "objects").as_uri())
    await storage.put("a", b"before", "text/plain")
    os.mkfifo(tmp_path / "endless")
    writer = textwrap.dedent(f"""
        import asyncio, pathlib
        from echo_common.storage.connect import open_storage

        async def main():
            storage = await open_storage({(tmp_path / "objects").as_uri()!r})
            await storage.put_file("a", pathlib.Path({str(tmp_path / "endless")!r}), "text/plain")

        asyncio.run(main())
    """)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", writer)
    source = await asyncio.to_thread((tmp_path / "endless").open, "wb", 0)
    # More than a pipe holds: when the last byte is taken, the writer is in the middle of its file.
    await asyncio.to_thread(source.write, b"x" * 1024**2)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    source.close()
    assert b"".join([block async for block in storage.read("a")]) == b"before"
    assert [key async for key in storage.keys("")] == ["a"]


async def test_empty_folders_are_removed(tmp_path: Path):
    storage = await open_storage(tmp_path.as_uri())
    await storage.put("a/b/c/d", b"x", "text/plain")
    await storage.delete("a/b/c/d")
    assert list((tmp_path / "objects").iterdir()) == []


async def test_old_files_of_a_crash_are_removed(tmp_path: Path):
    storage = await open_storage(tmp_path.as_uri())
    await storage.ping()
    old, young = tmp_path / "incoming" / "old", tmp_path / "incoming" / "young"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    await storage.ping()
    assert not old.exists()
    assert young.exists()
