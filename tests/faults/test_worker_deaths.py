"""Workers that die between two writes, as real processes by SIGKILL: every job is done once, and nothing is left behind."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from echo_common.bus.port import Message
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_common.outbox.relay import Relay
from echo_common.storage.connect import open_storage
from echo_synthesis import usecases
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.handlers import Dependencies
from echo_synthesis.repository import Jobs
from tests.integration.outbox.counters import RecordingBus
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.mortal import run_until_dead
from tests.support.studio import Replica, somebody

ALICE = somebody("usr_alice")
STORY = "One sentence. Another sentence. A third sentence. The last sentence."
POINTS = [
    "worker.after_claim",
    "worker.mid_speech:3",
    "worker.after_upload",
    "worker.before_commit",
    "relay.after_save_before_publish",
    "relay.after_confirm_before_removal",
]


SLOW_STORY = "One tone-slow-300 sentence. Another tone-slow-300 sentence. A third tone-slow-300 sentence. The last sentence."
LONG = " ".join(f"Sentence number {number}." for number in range(150))


async def waiting(database: Database, count: int = 1, story: str = STORY, units: int = 4) -> list[Job]:
    """Jobs in the queue, and nobody there yet."""
    store = await database.open("synthesis")
    jobs = Jobs(store, Relay(RecordingBus()))
    await jobs.prepare()
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    queued = [
        Job.queue("usr_alice", f"{number}: {story}", settings, word_count=9, units_total=units) for number in range(count)
    ]
    for job in queued:
        await jobs.add(job)
    await store.close()
    return queued


async def cached_segments(folder: Path) -> int:
    storage = await open_storage(folder.joinpath("objects").as_uri())
    keys = [key async for key in storage.keys("speech/")]
    await storage.close()
    return len(keys)


async def all_completed(jobs: list[Job], deps: Dependencies) -> list[Job]:
    async def reached() -> bool:
        return all([(await deps.studio.jobs.get(job.id)).status is JobStatus.COMPLETED for job in jobs])

    await eventually(reached, within=40)
    return [await deps.studio.jobs.get(job.id) for job in jobs]


@pytest.mark.parametrize("point", POINTS)
async def test_wherever_a_worker_dies_each_job_is_done_once(
    point: str, database: Database, tmp_path: Path, replica: Replica
) -> None:
    queued = await waiting(database, 3)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point)
    heard: list[Message] = []
    async with replica(lease_seconds=2, heard=heard) as deps:
        done = await all_completed(queued, deps)

        for job in done:
            audio = await usecases.find_audio(str(job.audio_id), ALICE, deps.studio)
            stored = b"".join([block async for block in deps.studio.objects.read(audio.object_key)])
            assert len(stored) == audio.size
            assert len(await usecases.words_of(audio, deps.studio)) == len(STORY.split()) + 1
        kept = {(await usecases.find_audio(str(job.audio_id), ALICE, deps.studio)).object_key for job in done}
        assert {key async for key in deps.studio.objects.keys("audio/")} == kept

        def told_once() -> bool:
            ended = Counter(message.id for message in heard if message.topic == "synthesis.job_completed")
            return len(ended) >= len(done)

        await eventually(told_once, within=20)
    assert max(job.losses for job in done) <= 1


async def test_what_was_spoken_before_the_death_is_not_spoken_again(
    database: Database, tmp_path: Path, replica: Replica
) -> None:
    [job] = await waiting(database, story=SLOW_STORY)
    await asyncio.to_thread(run_until_dead, database, tmp_path, "worker.mid_speech:4")
    # A segment is written to the cache while the next one is spoken: the last of them may be missing.
    cached = await cached_segments(tmp_path)
    assert cached >= 1
    async with replica(lease_seconds=2) as deps:
        [done] = await all_completed([job], deps)
        audio = await usecases.find_audio(str(done.audio_id), ALICE, deps.studio)
        assert audio.units == 4
        assert audio.cached_units == cached


async def test_a_long_job_whose_workers_die_while_it_progresses_is_completed(
    database: Database, tmp_path: Path, replica: Replica
) -> None:
    [job] = await waiting(database, story=LONG, units=150)
    for sentences in (4, 8, 12):
        await asyncio.to_thread(run_until_dead, database, tmp_path, f"worker.mid_speech:{sentences}")
    async with replica(lease_seconds=1) as deps:
        [done] = await all_completed([job], deps)
        audio = await usecases.find_audio(str(done.audio_id), ALICE, deps.studio)
        assert (audio.units, done.attempt) == (150, 4)
        assert audio.cached_units >= 8


async def test_a_job_that_three_workers_die_of_fails_and_can_be_tried_again(
    database: Database, tmp_path: Path, replica: Replica
) -> None:
    [job] = await waiting(database)
    for _ in range(3):
        await asyncio.to_thread(run_until_dead, database, tmp_path, "worker.mid_speech")
    async with replica(lease_seconds=2) as deps:

        async def failed() -> bool:
            return (await deps.studio.jobs.get(job.id)).status is JobStatus.FAILED

        await eventually(failed, within=20)
        assert (await deps.studio.jobs.get(job.id)).error_code == "WORKER_LOST"
        other = await usecases.queue_job("Unharmed.", None, SpeechConfig(), ALICE, deps.studio)
        await usecases.retry_job(job.id, ALICE, deps.studio)
        await all_completed([job, other], deps)
