"""Tests of crashes, stops and restarts."""

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from echo_embedded.data_folder import DataFolder
from tests.support.eventually import eventually
from tests.support.person import Person
from tests.support.platform import TONE, Platform, require_form, started
from tests.support.requirements import Require

STOP_SECONDS = 10.0
JOBS = 32
EMBEDDED = pytest.mark.parametrize("platform", ["embedded"], indirect=True)
DISTRIBUTED = pytest.mark.parametrize("platform", ["distributed"], indirect=True)


@DISTRIBUTED
async def test_a_killed_worker_loses_no_job(platform: Platform, ada: Person) -> None:
    jobs = {number: await ada.queue(slow(f"story {number}")) for number in range(4)}

    async def under_way() -> bool:
        begun = [job for job in jobs.values() if (await ada.job(job["id"]))["units_done"] > 1]
        return len(begun) == len(jobs)

    await eventually(under_way, within=30)
    os.kill(platform.pids()["synthesis-1"], signal.SIGKILL)

    for number, job in jobs.items():
        events = [event async for event in ada.follow(job["id"])]
        assert events[-2]["status"] == "completed", events[-2]
        result = (await ada.job(job["id"]))["result"]
        assert len((await ada.audio(result)).content) == result["size"]
        assert len(result["word_timestamps"]) == len(slow(f"story {number}").split())


@DISTRIBUTED
@pytest.mark.parametrize("victim", ["auth", "gateway", "synthesis-2"])
async def test_killed_processes_are_restarted(victim: str, platform: Platform) -> None:
    before = platform.pids()[victim]
    os.kill(before, signal.SIGKILL)

    await eventually(lambda: platform.pids().get(victim, before) != before, within=30)
    await eventually(lambda: is_ready(platform), within=30)  # `/health` may still tell how it was before
    async with Person.at(platform.url) as ada:
        await ada.register()
        assert (await ada.speak("Here again."))["duration"] > 0


@pytest.mark.full
async def test_every_killed_part_is_restarted_and_every_job_completes(require: Require, tmp_path: Path) -> None:
    require_form("distributed", require, tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with started("distributed", tmp_path, settings={**TONE, "TMPDIR": str(temporary)}) as platform:
        async with Person.at(platform.url) as ada:
            await ada.register()
            jobs = [await ada.queue(slow(f"story {number}", sentences=4)) for number in range(JOBS)]
            for victim in ("broker", "database"):
                await kill(platform, victim)
                await eventually(lambda: is_ready(platform), within=60)

            async def all_completed() -> bool:
                states = [(await ada.job(job["id"]))["status"] for job in jobs]
                assert set(states) <= {"pending", "processing", "completed"}, states
                return set(states) == {"completed"}

            await eventually(all_completed, within=60)
            await kill(platform, "s3")
            await eventually(lambda: is_ready(platform), within=60)
            assert (await ada.speak("Here again."))["duration"] > 0
        processes = processes_of(platform)
        assert [processes[name]["restarts"] for name in ("broker", "database", "s3")] == [1, 1, 1]
        assert {state["status"] for state in processes.values()} == {"ok"}

        family = platform.family()
        platform.process.kill()
        platform.process.wait()
        await eventually(lambda: not [member for member in family if alive(member)], within=30)
        assert not [*temporary.glob("echo-*")]


def processes_of(platform: Platform) -> dict[str, dict[str, Any]]:
    """Return the processes that `echoctl status` shows."""
    command = [sys.executable, "-m", "echo_embedded", "status", "--json", "--data", str(platform.folder.path)]
    told = subprocess.run(command, capture_output=True, timeout=60, check=False)
    found: dict[str, dict[str, Any]] = json.loads(told.stdout)["processes"]
    return found


async def kill(platform: Platform, victim: str) -> None:
    """Kill a supervised process and wait until it has restarted."""
    before = platform.pids()[victim]
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: platform.pids().get(victim, before) != before, within=60)


async def is_ready(platform: Platform) -> bool:
    running = platform.folder.running()
    assert running is not None, platform.said
    async with httpx.AsyncClient() as http:
        with suppress(httpx.TransportError):
            return (await http.get(f"{running.internal}/readyz")).status_code == 200
    return False


@pytest.mark.full
async def test_restarts_find_existing_data_and_remove_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / ("a-long-path-" * 9)  # longer than a Unix socket's name may be
    with started("embedded", folder, settings=TONE) as first:
        admin = first.admin
        async with Person.at(first.url) as ada:
            email = await ada.register()
            result = await ada.speak("Remember this.")
            audio = (await ada.audio(result)).content
        assert first.stop() == 0

    temporary = tmp_path / "tmp"
    temporary.mkdir()
    # Nobody waits for the lease of a platform that is known to be gone.
    settings = {**TONE, "ECHO_SYNTHESIS_LEASE_SECONDS": "600", "TMPDIR": str(temporary)}
    with started("embedded", folder, settings=settings) as second:
        assert second.admin == admin
        async with Person.at(second.url) as ada:
            await ada.log_in(email)
            assert (await ada.audio(result)).content == audio
            job = await ada.queue(slow())

            async def under_way() -> bool:
                return bool((await ada.job(job["id"]))["units_done"] > 0)

            await eventually(under_way, within=30)
        family = second.family()
        second.process.kill()
        second.process.wait()
        await eventually(lambda: not any(alive(member) for member in family))
        scratch = second.folder.scratch
        left = [path for path in scratch.rglob("audio-*/*") if path.is_file()]
        assert left, "the crash has left speech"
        assert not [path for path in temporary.rglob("*") if path.is_file()]

    with started("embedded", folder, settings=settings) as third:
        assert not any(path.exists() for path in left)
        assert len([*temporary.glob("echo-*")]) == 1, "the sockets of the killed platform are left"
        async with Person.at(third.url) as ada:
            await ada.log_in(email)
            events = [event async for event in ada.follow(job["id"])]
            assert events[-2]["status"] == "completed"


@pytest.mark.parametrize("form", ["embedded", pytest.param("distributed", marks=pytest.mark.full)])
async def test_ctrl_c_stops_all_processes_within_ten_seconds(form: str, require: Require, tmp_path: Path) -> None:
    require_form(form, require, tmp_path)
    with started(form, tmp_path, settings=TONE) as platform:
        async with Person.at(platform.url) as ada:
            await ada.register()
            await ada.queue("This would tone-hang for good.")
        family = platform.family()

        # A terminal sends the signal to every process of the group.
        os.killpg(platform.process.pid, signal.SIGINT)
        code = platform.process.wait(STOP_SECONDS)

        assert code == 0, platform.said
        assert [member for member in family if alive(member)] == platform.remains() == []
        assert "Traceback" not in platform.said


@EMBEDDED
async def test_only_the_gateway_listens(platform: Platform) -> None:
    running = platform.folder.running()
    assert running is not None
    known = {urlsplit(url).port for url in (running.url, running.internal)}
    listening = {
        connection.laddr.port
        for member in platform.family()
        for connection in member.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == known - {None}
    files = list(platform.folder.database.iterdir())
    assert {"auth.sqlite3", "synthesis.sqlite3"} <= {file.name for file in files}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(platform.folder.database.stat().st_mode) == 0o700


async def test_a_damaged_database_is_reported_in_one_sentence(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.database.mkdir(parents=True)
    (folder.database / "auth.sqlite3").write_bytes(b"something else altogether" * 300)

    refused = serve("--data", str(folder.path), "--port", "0")

    assert refused.returncode == 2
    [said] = refused.stderr.decode().strip().splitlines()
    assert f"{folder.database / 'auth.sqlite3'} is damaged" in said


@EMBEDDED
async def test_a_data_folder_is_used_by_one_platform(platform: Platform) -> None:
    refused = serve("--data", str(platform.folder.path), "--port", "0")

    assert refused.returncode == 2
    assert refused.stderr.decode().strip() == f"Another platform is running on the data folder {platform.folder.path} already."


@EMBEDDED
async def test_a_used_port_is_reported_in_one_sentence(platform: Platform, tmp_path: Path) -> None:
    port = platform.url.rsplit(":", 1)[1]

    refused = serve("--data", str(tmp_path), "--port", port)

    assert refused.returncode == 2
    assert refused.stderr.decode().strip() == f"Cannot listen on http://127.0.0.1:{port}: Address already in use."


async def test_an_unwritable_data_folder_is_reported_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    refused = serve("--data", str(file / "data"), "--port", "0")

    assert refused.returncode == 2
    assert refused.stderr.decode().strip() == f"The data folder {file / 'data'} cannot be written: Not a directory."


async def test_a_start_on_a_full_disk_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = serve("--data", str(tmp_path / "data"), "--port", "0", ECHO_MINIMUM_FREE_BYTES=str(10**18))

    assert refused.returncode == 2
    [said] = refused.stderr.decode().strip().splitlines()
    assert f"MB are free on the disk of {tmp_path / 'data'}" in said


async def test_a_missing_model_is_reported_in_one_sentence(tmp_path: Path) -> None:
    refused = serve("--data", str(tmp_path / "data"), "--port", "0", ECHO_MODELS=str(tmp_path), ECHO_SYNTHESIS_ENGINES="kokoro")

    assert refused.returncode == 2
    said = refused.stderr.decode().strip()
    assert "echoctl models" in said
    assert "\n" not in said


async def test_an_invalid_setting_is_reported_in_one_sentence(tmp_path: Path) -> None:
    refused = serve("--data", str(tmp_path), ECHO_PORT="eighty")

    assert refused.returncode == 2
    assert refused.stderr.decode().startswith("The setting ECHO_PORT is not valid: ")


def slow(name: str = "story", sentences: int = 20) -> str:
    """Return uncached sentences that take 0.15 seconds each."""
    return " ".join(f"Sentence tone-slow-150 number {number} of {name}." for number in range(sentences))


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def serve(*arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run a start that is expected to fail."""
    command = [sys.executable, "-m", "echo_embedded", "serve", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env={**os.environ, **TONE, **settings})
