"""Tests of conflicting operations at the same moment: one succeeds completely."""

import asyncio
import random
from collections import Counter

from echo_common.bus.port import Message
from echo_common.contracts.errors.synthesis import JobStateConflictError
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.usecases.jobs import cancel_job, queue_job
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE = principal_of("usr_alice")
RACES = 200
_ENDS = {"synthesis.job_completed", "synthesis.job_cancelled", "synthesis.job_failed"}


async def race(number: int, deps: Dependencies, chance: random.Random) -> tuple[Job, bool]:
    """Return a job and whether its cancellation was acknowledged."""
    job = await queue_job(f"Race {number % 7}.", None, SpeechConfig(), ALICE, deps)
    deps.worker.wake()
    await asyncio.sleep(chance.uniform(0, 0.12))
    try:
        await cancel_job(job.id, ALICE, deps)
    except JobStateConflictError:
        return job, False
    deps.worker.recheck(job.id)
    return job, True


async def test_concurrent_cancellation_and_completion_are_consistent(replica: Replica) -> None:
    chance = random.Random(7)
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        await eventually(lambda: deps.pool.health()["tone"].state == "ready", within=30)
        races: list[tuple[Job, bool]] = []
        for first in range(0, RACES, 10):
            races += await asyncio.gather(*(race(number, deps, chance) for number in range(first, first + 10)))

        jobs = [job for job, _ in races]

        async def all_ended() -> bool:
            return not deps.worker.busy and all([(await deps.jobs.get(job.id)).status.terminal for job in jobs])

        await eventually(all_ended, within=30)
        ended = [await deps.jobs.get(job.id) for job in jobs]
        completed = [job for job in ended if job.status is JobStatus.COMPLETED]
        assert {job.status for job in ended} == {JobStatus.COMPLETED, JobStatus.CANCELLED}
        assert [job.status is JobStatus.CANCELLED for job in ended] == [acknowledged for _, acknowledged in races]
        for job in ended:
            audio = await deps.audio.find_one({"_id": job.audio_key})
            assert (audio is not None) == (job.status is JobStatus.COMPLETED)
        assert len([key async for key in deps.objects.keys("audio/")]) == len(completed)

        def each_end_is_told() -> bool:
            return len({message.id for message in heard if message.topic in _ENDS}) >= RACES

        await eventually(each_end_is_told, within=20)
    ends = Counter(message.topic for message in {message.id: message for message in heard}.values() if message.topic in _ENDS)
    assert ends == {"synthesis.job_completed": len(completed), "synthesis.job_cancelled": RACES - len(completed)}
