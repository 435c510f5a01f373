"""Leases of the tasks of both services: renewed, expired and taken over."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

import pytest

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.faults import FaultPoints
from echo_common.work.queue import WorkQueue
from echo_common.work.task import MAXIMUM_CRASHES, MAXIMUM_LOSSES, Task
from echo_common.work.worker import Worker
from tests.integration.work.conftest import WITHIN_SECONDS, Bench
from tests.support.eventually import eventually

HOUR = timedelta(hours=1)


async def test_an_attempt_longer_than_its_lease_keeps_it(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running(lease_seconds=1), bench.running(lease_seconds=1):
        await bench.until_started(task)
        await asyncio.sleep(4)
        bench.may_end.set()
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (0, 1)


async def test_the_lease_is_kept_while_a_result_is_stored(bench: Bench) -> None:
    task = await bench.add()
    bench.may_end.set()
    async with bench.running(lease_seconds=1), bench.running(lease_seconds=1):
        bench.while_storing = partial(_renewed, bench, 6)
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt, bench.discarded) == (0, 1, [])


async def test_a_task_that_is_cancelled_while_its_result_is_stored_discards_it(bench: Bench) -> None:
    task = await bench.add()
    bench.may_end.set()

    async def cancel(held: Task) -> None:
        await bench.tasks.update(held.id, Task.cancel)

    bench.while_storing = cancel
    async with bench.running():
        await eventually(lambda: bench.discarded == [1], within=WITHIN_SECONDS)
        assert (await bench.read(task)).work_status is JobStatus.CANCELLED


async def _renewed(bench: Bench, times: int, task: Task) -> None:
    """Wait until a lease was renewed so many times."""
    versions = set[int]()

    async def enough() -> bool:
        versions.add((await bench.read(task)).version)
        return len(versions) > times

    await eventually(enough, within=WITHIN_SECONDS)


async def test_the_task_of_a_dead_worker_is_performed_by_another(bench: Bench) -> None:
    task = await bench.add_orphan(lease_seconds=1)
    bench.may_end.set()
    async with bench.running():
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (1, 2)


async def test_a_crash_delays_its_tasks_only_by_the_restart_in_an_exclusive_process(bench: Bench) -> None:
    task = await bench.add_orphan()
    bench.may_end.set()
    async with bench.running(exclusive=True):
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (1, 2)


async def test_crashes_of_the_platform_do_not_fail_a_task_like_losses(bench: Bench) -> None:
    task = await bench.add_orphan(losses=MAXIMUM_LOSSES + 2)
    bench.may_end.set()
    async with bench.running(exclusive=True):
        await bench.until(task, JobStatus.COMPLETED)


async def test_a_task_that_crashes_the_platform_at_every_start_fails(bench: Bench) -> None:
    task = await bench.add_orphan(losses=MAXIMUM_CRASHES - 1)
    async with bench.running(exclusive=True):
        failed = await bench.until(task, JobStatus.FAILED)
    assert (failed.error_code, bench.started) == ("WORKER_LOST", [])


async def test_a_lost_task_is_reported_under_its_work_queue(bench: Bench) -> None:
    task = await bench.add_orphan(losses=MAXIMUM_CRASHES - 1)
    others, own = (
        WorkQueue(name, bench.tasks, bench.perform, slots=1, where={"user_id": where})
        for name, where in (("others", {"$ne": task.user_id}), ("own", task.user_id))
    )
    subjects: list[str | None] = []

    def reported() -> bool:
        subjects.extend(event.subject for event in bench.reports.collect())
        return bool(subjects)

    worker = Worker(600, bench.metrics, FaultPoints(), exclusive=True, errors=bench.reports)
    async with worker.running([others, own]):
        await bench.until(task, JobStatus.FAILED)
        await eventually(reported)
    assert subjects == ["own"]


async def test_the_start_of_another_worker_expires_no_live_lease(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running():
        await bench.until_started(task)
        async with bench.running():
            await asyncio.sleep(0.5)
            bench.may_end.set()
            done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (0, 1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "backward"])
async def test_a_jump_of_the_wall_clock_expires_no_live_lease(
    jump: timedelta, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await bench.add()
    async with bench.running(lease_seconds=2), bench.running(lease_seconds=2):
        await bench.until_started(task)
        move_wall_clock(monkeypatch, jump)
        await asyncio.sleep(4)
        bench.may_end.set()
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (0, 1)


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "backward"])
async def test_a_jump_of_the_wall_clock_prolongs_no_dead_lease(
    jump: timedelta, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await bench.add_orphan(lease_seconds=1)
    bench.may_end.set()
    move_wall_clock(monkeypatch, jump)
    async with bench.running():
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.losses, done.attempt) == (1, 2)


def move_wall_clock(monkeypatch: pytest.MonkeyPatch, jump: timedelta) -> None:
    """Move the wall clock as the worker and the repositories read it."""

    def moved() -> datetime:
        return now() + jump

    for module in ("echo_common.work.worker", "echo_common.outbox.repository", "echo_synthesis.repository"):
        monkeypatch.setattr(f"{module}.now", moved)
