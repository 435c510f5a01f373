"""Jobs of a user do not delay jobs of other users."""

import asyncio

import pytest

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job
from echo_synthesis.repository import Jobs
from echo_synthesis.usecases.jobs import cancel_job, queue_job
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE, BOB = principal_of("usr_alice"), principal_of("usr_bob")
MANY = 40
LONG = " ".join(f"Sentence tone-slow-300 number {number}." for number in range(60))


async def brought(user: Principal, text: str, deps: Dependencies) -> Job:
    job = await queue_job(text, None, SpeechConfig(), user, deps)
    deps.worker.wake()
    return job


async def done(job: Job, deps: Dependencies) -> Job:
    async def completed() -> bool:
        return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

    await eventually(completed, within=60)
    return await deps.jobs.get(job.id)


async def test_a_job_does_not_wait_for_all_earlier_jobs_of_another_user(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        many = [await brought(ALICE, f"Number {number} takes tone-slow-100 long to say.", deps) for number in range(MANY)]
        one = await brought(BOB, "Mine is only this.", deps)
        assert await deps.jobs.before(one) < MANY / 2 <= await deps.jobs.before(many[-1])
        await done(one, deps)
        waiting = await deps.jobs.count({"user_id": "usr_alice", "status": "pending"})
        assert waiting > MANY / 2


async def test_capacity_is_reserved_for_users_without_running_jobs(replica: Replica) -> None:
    async with replica(jobs_at_once=2) as deps:
        endless = [await brought(ALICE, f"{LONG} {number}.", deps) for number in range(3)]
        first = endless[0]

        async def begun() -> bool:
            return (await deps.jobs.get(first.id)).status is JobStatus.PROCESSING

        await eventually(begun)
        await done(await brought(BOB, "Mine is only this.", deps), deps)
        statuses = [(await deps.jobs.get(job.id)).status for job in endless]
        assert statuses == [JobStatus.PROCESSING, JobStatus.PENDING, JobStatus.PENDING]


async def test_the_last_pending_job_is_found_after_cancellations(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        endless, *others = [await brought(ALICE, LONG, deps) for _ in range(4)]
        for gone in others[:0:-1]:
            await cancel_job(gone.id, ALICE, deps)
        await cancel_job(endless.id, ALICE, deps)
        last = await deps.jobs.last_pending("usr_alice")
        assert last is None or last.id == others[0].id
        await cancel_job(others[0].id, ALICE, deps)
        assert await deps.jobs.last_pending("usr_alice") is None
        assert (await brought(ALICE, "Mine is only this.", deps)).due < others[-1].due


async def test_pending_jobs_are_claimed_concurrently(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    async with replica(jobs_at_once=4) as deps:
        deps.worker._stopping = True
        jobs = [await brought(ALICE, f"Number {number}.", deps) for number in range(2)]
        assert {job.status for job in jobs} == {JobStatus.PENDING}

    both, save = asyncio.Barrier(2), Jobs.save

    async def saved_together(self: Jobs, job: Job) -> None:
        if job.status is JobStatus.PROCESSING and job.id not in seen:
            seen.add(job.id)
            await both.wait()
        await save(self, job)

    seen: set[str] = set()
    monkeypatch.setattr(Jobs, "save", saved_together)
    async with replica(jobs_at_once=4) as deps:
        assert [(await done(job, deps)).attempt for job in jobs] == [1, 1]
