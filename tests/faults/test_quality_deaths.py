"""A job that resumes after the death of its worker speaks a segment as often as any other job."""

import asyncio
from pathlib import Path

from echo_common.contracts.values import JobStatus
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.usecases.audio import find_audio
from tests.integration.synthesis.test_quality_gate import quality_of
from tests.support.database import Database
from tests.support.segments import ALICE, segments_of, until
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica
from tests.support.work import JOB

TEXT = "This has tone-clip-once in it. Every take of this has tone-clip in it. The last one is good."


async def test_each_attempt_of_a_job_speaks_a_bad_segment_three_times_at_most(
    database: Database, tmp_path: Path, replica: Replica
) -> None:
    store = await database.open("synthesis")
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    job = Job.queue(ALICE.user_id, TEXT, settings, word_count=19, units_total=3)
    jobs = JOB.open(store)
    await jobs.prepare()
    await jobs.add(job)
    await store.close()
    await asyncio.to_thread(run_until_dead, database, tmp_path, "worker.mid_speech:3")
    async with replica(lease_seconds=2) as deps:
        done = await until(job, deps, JobStatus.COMPLETED)
        audio = await find_audio(str(done.audio_id), ALICE, deps)
        assert done.attempt == 2
        found = [each.segment.quality for each in await segments_of(audio, deps)]
        assert [quality and (quality.attempts, quality.problems) for quality in found] == [(2, ()), (3, ("clipped",)), (1, ())]
        assert (quality_of(audio).checked, quality_of(audio).with_problems) == (3, 1)
