"""Tests of SecantusDB as a process: start, failures and remaining data."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from echo_common.store.mongo import open_store
from echo_common.store.port import Store, StoreUnavailableError
from echo_embedded.database import DatabaseStartError, EmbeddedDatabase, FolderInUseError, FolderNotWritableError
from echo_embedded.ports import free_port
from tests.support.eventually import eventually

pytestmark = pytest.mark.slow


async def restarted(server: EmbeddedDatabase, folder: Path, url: str) -> EmbeddedDatabase:
    again = EmbeddedDatabase(folder, port=int(url.split(":")[2].split("/")[0]))
    assert await again.start() == url
    return again


async def answers(store: Store) -> bool:
    try:
        await store.ping()
    except StoreUnavailableError:
        return False
    return True


def all_threads_stopped(pid: int) -> bool:
    """Return whether a stop signal has reached every thread, each of which could respond before."""
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return set(states) == {"T"}


async def test_a_killed_database_loses_no_acknowledged_write(mortal_server: EmbeddedDatabase, tmp_path: Path):
    url = await mortal_server.start()
    store = await open_store(url, "test")
    things = store.collection("things")
    acknowledged: list[str] = []

    async def write(writer: int) -> None:
        number = 0
        while True:
            await things.insert({"_id": f"{writer}-{number}", "text": "x" * 500})
            acknowledged.append(f"{writer}-{number}")
            number += 1

    writers = [asyncio.create_task(write(writer)) for writer in range(8)]
    await eventually(lambda: len(acknowledged) > 200)
    os.kill(mortal_server.pid, signal.SIGKILL)
    assert await mortal_server.died == -signal.SIGKILL
    ends = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(end, StoreUnavailableError) for end in ends)

    again = await restarted(mortal_server, tmp_path / "mortal", url)
    try:
        await eventually(lambda: answers(store))
        kept = {document["_id"] async for document in things.find({})}
        assert set(acknowledged) <= kept
        assert len(kept) <= len(acknowledged) + len(writers)
    finally:
        await store.close()
        await again.stop()


async def test_a_stopped_database_is_reported_at_once_and_reconnected(mortal_server: EmbeddedDatabase, tmp_path: Path):
    url = await mortal_server.start()
    store = await open_store(url, "test")
    things = store.collection("things")
    await things.insert({"_id": "a"})
    await mortal_server.stop()

    async def attempt() -> None:
        with pytest.raises(StoreUnavailableError) as refused:
            await things.find_one({"_id": "a"})
        assert refused.value.status == 503
        assert refused.value.retry_after

    # Far more than the driver has threads: without a bound of our own they would wait for each other.
    async with asyncio.timeout(15):
        await asyncio.gather(*(attempt() for _ in range(100)))

    again = await restarted(mortal_server, tmp_path / "mortal", url)
    try:
        await eventually(lambda: answers(store))
        assert await things.find_one({"_id": "a"}) == {"_id": "a"}
    finally:
        await store.close()
        await again.stop()


async def test_a_frozen_database_is_reported_and_reconnected(mortal_server: EmbeddedDatabase):
    store = await open_store(await mortal_server.start(), "test")
    things = store.collection("things")
    await things.insert({"_id": "a"})
    os.kill(mortal_server.pid, signal.SIGSTOP)
    try:
        await eventually(lambda: all_threads_stopped(mortal_server.pid))
        with pytest.raises(StoreUnavailableError):
            await things.find_one({"_id": "a"})
        with pytest.raises(StoreUnavailableError):
            _ = [document async for document in things.find({})]
    finally:
        os.kill(mortal_server.pid, signal.SIGCONT)
    await eventually(lambda: answers(store))
    assert await things.find_one({"_id": "a"}) == {"_id": "a"}
    await store.close()


async def test_a_second_instance_on_the_same_folder_is_refused(mortal_server: EmbeddedDatabase, tmp_path: Path):
    await mortal_server.start()
    with pytest.raises(FolderInUseError, match="in use"):
        await EmbeddedDatabase(tmp_path / "mortal").start()


async def test_unwritable_folders_are_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(FolderNotWritableError, match="cannot be written"):
        await EmbeddedDatabase(tmp_path / "file" / "database").start()


async def test_stopping_leaves_no_process_and_keeps_the_data(mortal_server: EmbeddedDatabase, tmp_path: Path):
    store = await open_store(await mortal_server.start(), "test")
    await store.collection("things").insert({"_id": "a"})
    await store.close()
    pid = mortal_server.pid
    await mortal_server.stop()
    assert not psutil.pid_exists(pid)
    assert not mortal_server.died.done()

    again = EmbeddedDatabase(tmp_path / "mortal")
    store = await open_store(await again.start(), "test")
    assert await store.collection("things").count({}) == 1
    await store.close()
    await again.stop()


async def test_the_database_ends_with_its_host(tmp_path: Path):
    host = textwrap.dedent(f"""
        import asyncio, pathlib
        from echo_embedded.database import EmbeddedDatabase

        async def main():
            server = EmbeddedDatabase(pathlib.Path({str(tmp_path)!r}))
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", host, stdout=subprocess.PIPE)
    assert process.stdout
    pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    await eventually(lambda: not psutil.pid_exists(pid))


async def test_a_used_port_is_an_error(tmp_path: Path):
    port = free_port()
    first = EmbeddedDatabase(tmp_path / "one", port=port)
    await first.start()
    second = EmbeddedDatabase(tmp_path / "two", port=port)
    with pytest.raises(DatabaseStartError, match="does not start"):
        await second.start()
    await second.stop()
    await first.stop()
