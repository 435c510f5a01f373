"""Tests of objects without a record."""

import asyncio
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.orphans import OrphanSweeper
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases.jobs import cancel_job, queue_job
from echo_synthesis.usecases.ownership import object_owners
from echo_synthesis.usecases.speech import synthesize
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
DAY = 24 * 3600.0


def age(folder: Path, seconds: float) -> None:
    """Set the modification time of objects to this age."""
    for path in folder.rglob("*"):
        if path.is_file():
            written = path.stat().st_mtime - seconds
            os.utime(path, (written, written))


def sweeper(deps: Dependencies) -> OrphanSweeper:
    return OrphanSweeper(deps.objects, object_owners(deps, DAY), DAY)


async def keys(deps: Dependencies) -> set[str]:
    return {key async for key in deps.objects.keys("")}


async def spoken(deps: Dependencies) -> set[str]:
    """Return the object keys of a synchronous audio, a job's audio and the cache."""
    await synthesize(SynthesizeRequest(text="Said at once.", config=SpeechConfig()), ALICE, deps)
    job = await queue_job("Said later.", None, SpeechConfig(), ALICE, deps)
    deps.worker.wake()

    async def completed() -> bool:
        return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

    await eventually(completed, within=20)
    await deps.cache.wait_for_writes()
    return await keys(deps)


async def test_unreferenced_objects_are_removed_and_others_kept(replica: Replica, tmp_path: Path) -> None:
    async with replica() as deps:
        owned = await spoken(deps)
        orphans = {"audio/aud_nobody/0.wav", "audio/aud_nobody/0.times.jsonl", f"speech/ab/{'ab' * 32}"}
        audio_id = next(key for key in owned if key.startswith("audio/")).split("/")[1]
        orphans.add(f"audio/{audio_id}/7.wav")  # an attempt that was not committed
        for key in orphans:
            await deps.objects.put(key, b"left", "audio/wav")
        age(tmp_path / "objects", 2 * DAY)

        assert await sweeper(deps).sweep(page_size=2) == len(orphans)
        assert await keys(deps) >= owned
        assert not await keys(deps) & orphans
        assert await sweeper(deps).sweep() == 0


async def test_recent_unreferenced_objects_are_kept(replica: Replica, tmp_path: Path) -> None:
    async with replica() as deps:
        await deps.objects.put("audio/aud_young/0.wav", b"left", "audio/wav")
        assert await sweeper(deps).sweep() == 0
        age(tmp_path / "objects", 2 * DAY)
        assert await sweeper(deps).sweep() == 1


async def test_objects_of_running_jobs_are_kept_at_any_age(replica: Replica, tmp_path: Path) -> None:
    async with replica(jobs_at_once=1) as deps:
        busy = await queue_job("Busy tone-slow-900. " * 20, None, SpeechConfig(), ALICE, deps)
        deps.worker.wake()
        await eventually(lambda: deps.worker.busy == 1)
        waiting = await queue_job("Waits.", None, SpeechConfig(), ALICE, deps)
        uploads = {f"audio/{job.audio_key}/1.wav" for job in (busy, waiting)}
        for key in uploads:
            await deps.objects.put(key, b"uploaded", "audio/wav")
        age(tmp_path / "objects", 2 * DAY)

        assert await sweeper(deps).sweep() == 0
        assert await keys(deps) >= uploads
        await cancel_job(waiting.id, ALICE, deps)
        assert await sweeper(deps).sweep() == 1
        await cancel_job(busy.id, ALICE, deps)
        deps.worker.recheck(busy.id)


async def _nothing_owned(_: Sequence[str]) -> Collection[str]:
    return ()


async def test_a_safe_age_of_zero_disables_the_background_sweep(tmp_path: Path) -> None:
    objects = FolderStorage(tmp_path)
    await objects.put("audio/aud_left/0.wav", b"left", "audio/wav")
    age(tmp_path, 2 * DAY)
    tasks = asyncio.all_tasks()
    async with OrphanSweeper(objects, {"audio/": _nothing_owned}, 0).running():
        assert asyncio.all_tasks() == tasks
    assert [key async for key in objects.keys("audio/")] == ["audio/aud_left/0.wav"]
