"""Revisions of an audio under concurrent, cancelled and failed replacements, and the objects that they leave."""

import asyncio
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echo_common.contracts.errors.synthesis import (
    AudioNotFoundError,
    SynthesisNotFoundError,
)
from echo_common.contracts.http.synthesis import JobChange
from echo_common.contracts.values import AudioFormat, JobStatus, Metric
from echo_common.errors import ValidationError
from echo_common.storage.orphans import OrphanSweeper
from echo_synthesis.usecases.audio import delete_audio, find_audio
from echo_synthesis.usecases.jobs import cancel_job, delete_job, revise_job
from echo_synthesis.usecases.ownership import object_owners
from tests.integration.synthesis.test_orphans import DAY, age
from tests.support.eventually import eventually
from tests.support.segments import (
    ALICE,
    objects,
    only_referenced,
    parts_of,
    queued,
    replaced,
    segments_of,
    spoken,
    texts_of,
    until,
)
from tests.support.synthesis_replica import Replica


async def test_concurrent_replacements_all_take_effect(replica: Replica) -> None:
    async with replica() as first, replica() as second:
        audio = await spoken(first, "One sentence. Two sentences. Three sentences. Four sentences. Five.")
        before = await parts_of(audio, first)
        jobs = await asyncio.gather(
            *(queued(audio, number, deps, text=f"Now {number} here.") for number, deps in enumerate((first, second) * 2))
        )
        for job in jobs:
            await until(job, first)
        revised = await find_audio(audio.id, ALICE, first)
        assert await texts_of(revised, first) == [f"Now {number} here." for number in range(4)] + ["Five."]
        assert revised.revision == 5
        assert np.array_equal((await parts_of(revised, first))[-1], before[-1])

        await only_referenced(revised, first)


async def test_the_last_of_several_replacements_of_a_segment_wins(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Two sentences.")
        jobs = await asyncio.gather(*(queued(audio, 0, deps, text=f"Version {number}.") for number in range(3)))
        for job in jobs:
            await until(job, deps)
        revised = await find_audio(audio.id, ALICE, deps)
        winner = next(job for job in jobs if job.id == revised.revised_by)
        assert await texts_of(revised, deps) == [winner.text, "Two sentences."]
        assert sorted(str(revision.job_id) for revision in revised.revisions[1:]) == sorted(job.id for job in jobs)


async def test_the_number_of_earlier_revisions_is_limited(replica: Replica) -> None:
    async with replica(earlier_revisions=2) as deps:
        audio = await spoken(deps, "One. Two.", output_format=AudioFormat.MP3)
        for number in range(4):
            audio = await replaced(audio, 0, deps, text=f"Version {number}.")
        assert [revision.number for revision in audio.revisions] == [3, 4, 5]
        await only_referenced(audio, deps)
        counted = set(audio.object_keys) - {audio.segments_key}
        sizes = [(await deps.objects.info(key)).size for key in counted]
        assert await deps.audio.stored_bytes(ALICE.user_id) == sum(sizes)


async def test_deletion_removes_all_objects(replica: Replica) -> None:
    async with replica() as deps:
        audio = await replaced(await spoken(deps, "One. Two.", output_format=AudioFormat.OGG), 1, deps)
        assert len(audio.object_keys) == 3
        await only_referenced(audio, deps)
        await delete_audio(audio.id, ALICE.user_id, deps)
        assert await objects(deps) == set()
        with pytest.raises(SynthesisNotFoundError):
            await segments_of(audio, deps)


async def test_deleting_the_job_of_a_replacement_keeps_the_audio(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await until(await queued(audio, 0, deps), deps)
        await delete_job(job.id, ALICE, deps)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 2


async def test_replacements_of_a_deleted_audio_fail(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await queued(audio, 0, deps, text="Busy tone-slow-900.")
        await delete_audio(audio.id, ALICE.user_id, deps)
        failed = await until(job, deps, JobStatus.FAILED)
        assert failed.error_code == AudioNotFoundError.code
        assert await objects(deps) == set()


async def test_cancelled_replacements_change_nothing(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await queued(audio, 0, deps, text="Busy tone-slow-900.")
        await until(job, deps, JobStatus.PROCESSING)
        await cancel_job(job.id, ALICE, deps)
        deps.worker.recheck(job.id)
        await eventually(lambda: not deps.worker.busy)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 1
        assert await objects(deps) == set(audio.object_keys)


async def test_replacements_cannot_become_other_jobs(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        audio = await spoken(deps, "One. Two.")
        await queued(audio, 0, deps, text="Busy tone-slow-900.")
        job = await queued(audio, 1, deps)
        with pytest.raises(ValidationError):
            await revise_job(job.id, JobChange(text_content="Else."), ALICE, deps)


async def test_failed_engines_leave_the_revision(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        failed = await until(await queued(audio, 0, deps, text="Now tone-silence."), deps, JobStatus.FAILED)
        assert failed.error_code == "ENGINE_FAILED"
        assert await objects(deps) == set(audio.object_keys)

        async def given_back() -> bool:
            return (await deps.quotas.usage(ALICE))[Metric.SYNTHESES] == 1

        await eventually(given_back)


async def test_superseded_objects_stay_until_a_reader_or_backup_cannot_need_them(replica: Replica, tmp_path: Path) -> None:
    async with replica(earlier_revisions=0) as deps:
        audio = await spoken(deps, "One. Two.", output_format=AudioFormat.MP3)
        age(tmp_path / "objects", 2 * DAY)
        revised = await replaced(audio, 0, deps, text="Now.")
        superseded = set(audio.object_keys)
        assert not superseded & set(revised.object_keys)
        assert await OrphanSweeper(deps.objects, object_owners(deps, DAY), DAY).sweep() == 0
        assert await objects(deps) >= superseded
        await OrphanSweeper(deps.objects, object_owners(deps, 0), DAY).sweep()
        assert await objects(deps) == set(revised.object_keys)


async def test_superseded_objects_are_remembered_by_age(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
    first, day = audio.object_keys, timedelta(days=1)
    for number in range(300):
        changes = {"object_key": f"audio/{number}", "further_bytes": 0}
        moment = audio.created_at + timedelta(seconds=number)
        audio.revise(changes, segment=0, job_id=f"job_{number}", moment=moment, most_earlier=0, grace=day)
    assert {each.key for each in audio.superseded} >= set(first)
    assert len(audio.superseded) == 300
    later = audio.created_at + timedelta(days=2)
    audio.revise({"object_key": "audio/last"}, segment=0, job_id="job_last", moment=later, most_earlier=0, grace=day)
    assert [each.key for each in audio.superseded] == ["audio/299"]
