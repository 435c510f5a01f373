"""Who has a job: leases, attempts, and notifications that come late."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from echo_common.clock import now
from echo_common.contracts.events.synthesis import JobCancelled
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import JobStatus
from echo_synthesis import usecases
from echo_synthesis.domain import Job
from echo_synthesis.domain.job import MAXIMUM_CRASHES, MAXIMUM_LOSSES
from echo_synthesis.handlers import Dependencies, drop_cancelled_work
from tests.support.eventually import eventually
from tests.support.studio import Replica, somebody

ALICE = somebody("usr_alice")
SLOW = "One tone-slow-400. Two tone-slow-400. Three tone-slow-400. Four tone-slow-400. Five tone-slow-400. Six tone-slow-400."
HOUR = timedelta(hours=1)


async def queued(deps: Dependencies) -> Job:
    job = await usecases.queue_job(SLOW, None, SpeechConfig(), ALICE, deps.studio)
    deps.worker.ring()
    return job


async def reached(job: Job, deps: Dependencies, holds: Callable[[Job], bool]) -> Job:
    async def there() -> bool:
        return holds(await deps.studio.jobs.get(job.id))

    await eventually(there, within=30)
    return await deps.studio.jobs.get(job.id)


def completed(job: Job) -> bool:
    return job.status is JobStatus.COMPLETED


async def test_a_late_cancellation_does_not_end_the_attempt_of_a_retry(replica: Replica) -> None:
    async with replica(lease_seconds=600) as deps:
        job = await queued(deps)
        await reached(job, deps, lambda held: held.units_done > 0)
        await usecases.cancel_job(job.id, ALICE, deps.studio)
        await usecases.retry_job(job.id, ALICE, deps.studio)
        deps.worker.ring()
        await reached(job, deps, lambda held: held.attempt == 2)

        await drop_cancelled_work(JobCancelled(job_id=job.id, user_id=ALICE.user_id), deps)

        done = await reached(job, deps, lambda held: held.status.terminal)
        assert (done.status, done.attempt, done.losses) == (JobStatus.COMPLETED, 2, 0)


async def test_a_stop_releases_the_attempt_of_a_retry_whose_predecessor_still_ends(replica: Replica) -> None:
    async with replica(lease_seconds=600) as deps:
        job = await queued(deps)
        for attempt in range(1, 4):
            await reached(job, deps, lambda held, number=attempt: held.attempt == number)  # type: ignore[misc]
            if attempt < 3:
                await usecases.cancel_job(job.id, ALICE, deps.studio)
                await usecases.retry_job(job.id, ALICE, deps.studio)
                deps.worker.ring()
    async with replica(lease_seconds=600) as successor:
        done = await reached(job, successor, completed)
        assert (done.losses, done.attempt) == (0, 4)


async def test_what_a_crash_has_left_is_released_at_once_where_no_other_process_works(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        busy = await queued(deps)
        waiting = await usecases.queue_job("Short.", None, SpeechConfig(), ALICE, deps.studio)
        held = await deps.studio.jobs.get(waiting.id)
        held.claim("wrk_dead", lease_seconds=600)
        await deps.studio.jobs.save(held)
        await usecases.cancel_job(busy.id, ALICE, deps.studio)
    async with replica(exclusive=True, lease_seconds=600) as successor:
        done = await reached(waiting, successor, completed)
        assert (done.losses, done.attempt) == (1, 2)


async def test_a_platform_that_is_killed_again_and_again_fails_no_job(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        busy = await queued(deps)
        waiting = await usecases.queue_job("Short.", None, SpeechConfig(), ALICE, deps.studio)
        held = await deps.studio.jobs.get(waiting.id)
        held.losses = MAXIMUM_LOSSES + 2  # without any progress in between
        held.claim("wrk_dead", lease_seconds=600)
        await deps.studio.jobs.save(held)
        await usecases.cancel_job(busy.id, ALICE, deps.studio)
    async with replica(exclusive=True, lease_seconds=600) as successor:
        await reached(waiting, successor, completed)


async def test_a_job_that_every_start_dies_of_is_given_up(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        busy = await queued(deps)
        waiting = await usecases.queue_job("Short.", None, SpeechConfig(), ALICE, deps.studio)
        held = await deps.studio.jobs.get(waiting.id)
        held.losses = MAXIMUM_CRASHES - 1
        held.claim("wrk_dead", lease_seconds=600)
        await deps.studio.jobs.save(held)
        await usecases.cancel_job(busy.id, ALICE, deps.studio)
    async with replica(exclusive=True, lease_seconds=600) as successor:
        given_up = await reached(waiting, successor, lambda held: held.status.terminal)
        assert given_up.error_code == "WORKER_LOST"


async def test_where_others_may_work_a_restart_takes_nobodys_lease(replica: Replica) -> None:
    async with replica(lease_seconds=600) as one:
        job = await queued(one)
        await reached(job, one, lambda held: held.units_done > 0)
        async with replica(lease_seconds=600):
            done = await reached(job, one, completed)
    assert (done.losses, done.attempt) == (0, 1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "backward"])
async def test_a_wall_clock_that_jumps_takes_no_live_lease(
    jump: timedelta, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(lease_seconds=2) as deps:
        job = await queued(deps)
        await reached(job, deps, lambda held: held.units_done > 0)
        wall_clock(monkeypatch, jump)
        done = await reached(job, deps, lambda held: held.status.terminal)
        assert (done.status, done.losses, done.attempt) == (JobStatus.COMPLETED, 0, 1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "backward"])
async def test_a_wall_clock_that_jumps_keeps_no_dead_lease(
    jump: timedelta, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(jobs_at_once=1) as deps:
        busy = await queued(deps)
        job = await usecases.queue_job("Short.", None, SpeechConfig(), ALICE, deps.studio)
        held = await deps.studio.jobs.get(job.id)
        held.claim("wrk_dead", lease_seconds=1)
        await deps.studio.jobs.save(held)
        wall_clock(monkeypatch, jump)
        await usecases.cancel_job(busy.id, ALICE, deps.studio)
        done = await reached(job, deps, completed)
        assert (done.losses, done.attempt) == (1, 2)


def wall_clock(monkeypatch: pytest.MonkeyPatch, jump: timedelta) -> None:
    """Move the wall clock as every worker here reads it."""

    def jumped() -> datetime:
        return now() + jump

    monkeypatch.setattr("echo_synthesis.worker.now", jumped)
