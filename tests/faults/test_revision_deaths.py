"""Workers that die while they replace a segment leave the audio as it was; the next attempt replaces the segment once."""

import asyncio
from pathlib import Path

import pytest

from echo_common.contracts.values import JobStatus
from echo_synthesis.domain import Audio, Job, SegmentReference
from echo_synthesis.usecases.audio import find_audio
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.segments import ALICE, only_referenced, parts_of, spoken, texts_of
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica
from tests.support.work import JOB

TEXT = "One sentence. Two sentences."


async def queued(audio: Audio, database: Database) -> Job:
    """Queue the replacement of a segment while no worker runs."""
    store = await database.open("synthesis")
    job = Job.queue(
        ALICE.user_id,
        "Another sentence.",
        audio.settings,
        word_count=2,
        units_total=1,
        replaces=SegmentReference(audio_id=audio.id, number=0),
    )
    await JOB.open(store).add(job)
    await store.close()
    return job


async def stored_audio(audio: Audio, database: Database) -> Audio:
    store = await database.open("synthesis")
    found = await store.collection("audio").find_one({"_id": audio.id})
    await store.close()
    assert found is not None
    return Audio.model_validate({"id": audio.id, **found})


@pytest.mark.parametrize(
    ("point", "revision"),
    [
        pytest.param("worker.mid_speech:1", 1, marks=pytest.mark.full),
        pytest.param("worker.after_upload", 1, marks=pytest.mark.full),
        ("worker.before_commit", 2),
    ],
)
async def test_a_segment_is_replaced_once_after_any_worker_death(
    point: str, revision: int, database: Database, tmp_path: Path, replica: Replica
) -> None:
    async with replica() as deps:
        audio = await spoken(deps, TEXT)
    job = await queued(audio, database)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point)
    left = await stored_audio(audio, database)
    assert left.revision == revision
    if revision == 1:
        assert (left.checksum, left.object_key) == (audio.checksum, audio.object_key)

    async with replica(lease_seconds=2) as deps:
        assert (await deps.objects.info(left.object_key)).checksum == left.checksum

        async def completed() -> bool:
            return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

        await eventually(completed, within=40)
        revised = await find_audio(audio.id, ALICE, deps)
        assert await texts_of(revised, deps) == ["Another sentence.", "Two sentences."]
        assert [each.job_id for each in revised.revisions] == [None, job.id]
        assert len(await parts_of(revised, deps)) == 2

        await only_referenced(revised, deps)
