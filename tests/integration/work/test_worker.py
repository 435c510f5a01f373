"""Behaviour of the worker with the tasks of both services: claims, stops, cancellations, deferrals and outages."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from echo_common.backoff import Backoff
from echo_common.contracts.values import JobStatus
from echo_common.error_reports import reporting_to
from echo_common.errors import InternalError, ServiceUnavailableError, ValidationError
from echo_common.http.client import RemoteError
from echo_common.store.port import StoreUnavailableError
from echo_common.work.port import Attempt
from echo_common.work.task import Task
from tests.integration.work.conftest import Bench
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.work import JOB


async def test_two_workers_never_perform_the_same_task(bench: Bench) -> None:
    tasks = [await bench.add() for _ in range(12)]
    bench.may_end.set()
    async with bench.running(), bench.running():
        for task in tasks:
            assert (await bench.until(task, JobStatus.COMPLETED)).attempt == 1
    assert sorted(bench.started) == sorted((task.id, 1) for task in tasks)


async def test_a_worker_runs_as_many_tasks_as_it_has_slots(bench: Bench) -> None:
    tasks = [await bench.add() for _ in range(5)]
    async with bench.running(slots=3) as worker:
        await eventually(lambda: worker.busy == 3)
        worker.wake()
        await asyncio.sleep(0.3)
        assert len(bench.started) == worker.busy == 3
        bench.may_end.set()
        for task in tasks:
            await bench.until(task, JobStatus.COMPLETED)


async def test_a_worker_woken_just_before_its_stop_stops(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    leases = bench.tasks.leases

    async def counted() -> Any:
        nonlocal looks
        looks += 1
        return await leases()

    monkeypatch.setattr(bench.tasks, "leases", counted)
    for _ in range(10):
        before = looks
        async with asyncio.timeout(10), bench.running() as worker:
            await eventually(lambda before=before: looks > before)  # type: ignore[misc]
            await eventually(lambda worker=worker: not worker.busy)  # type: ignore[misc]
            worker.wake()


async def test_a_stop_releases_running_tasks_without_a_loss(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running():
        await bench.until_started(task)
    held = await bench.read(task)
    assert (held.work_status, held.losses, held.lease) == (JobStatus.PENDING, 0, None)


async def test_a_cancellation_ends_the_attempt_at_once(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running() as worker:
        await bench.until_started(task)
        await bench.tasks.update(task.id, Task.cancel)
        worker.recheck(task.id)
        await eventually(lambda: not worker.busy, within=1)
    assert (await bench.read(task)).work_status is JobStatus.CANCELLED


async def test_a_cancellation_without_a_notification_ends_the_attempt_at_its_next_renewal(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running() as worker:
        await bench.until_started(task)
        await bench.tasks.update(task.id, Task.cancel)
        await eventually(lambda: not worker.busy, within=3)


async def test_a_result_that_comes_after_the_cancellation_is_discarded(bench: Bench) -> None:
    async def cancel(task: Task, _: Attempt) -> None:
        await bench.tasks.update(task.id, Task.cancel)

    bench.before_result = cancel
    bench.may_end.set()
    task = await bench.add()
    async with bench.running() as worker:
        await eventually(lambda: bench.discarded == [1])
        await eventually(lambda: not worker.busy)
    assert (await bench.read(task)).work_status is JobStatus.CANCELLED


async def test_a_late_cancellation_ends_no_later_attempt(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running() as worker:
        await bench.until_started(task)
        await bench.tasks.update(task.id, Task.cancel)
        await bench.tasks.update(task.id, bench.kind.retry)
        worker.recheck(task.id)
        await bench.until_started(task, attempt=2)
        worker.recheck(task.id)
        bench.may_end.set()
        done = await bench.until(task, JobStatus.COMPLETED)
    assert (done.attempt, done.losses) == (2, 0)


async def test_the_attempts_of_a_retried_task_do_not_overlap(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running() as worker:
        for attempt in range(1, 4):
            await bench.until_started(task, attempt)
            assert bench.ended == bench.started[:-1]
            if attempt < 3:
                await bench.tasks.update(task.id, Task.cancel)
                await bench.tasks.update(task.id, bench.kind.retry)
                worker.wake()
    held = await bench.read(task)
    assert (held.work_status, held.attempt, held.losses) == (JobStatus.PENDING, 3, 0)


async def test_deferred_tasks_are_claimed_with_growing_pauses_and_delay_no_others(bench: Bench) -> None:
    blocked, ready = await bench.add(), await bench.add()
    bench.errors[blocked.id] = ServiceUnavailableError()
    bench.may_end.set()

    def attempts() -> int:
        return len([task_id for task_id, _ in bench.started if task_id == blocked.id])

    async with bench.running(slots=1) as worker:
        await bench.until(ready, JobStatus.COMPLETED)
        for _ in range(50):
            worker.wake()
            await asyncio.sleep(0)
        await eventually(lambda: attempts() >= 2)
        assert attempts() <= 3
        bench.errors.clear()
        done = await bench.until(blocked, JobStatus.COMPLETED)
    assert done.losses == 0


async def test_a_resumed_task_is_claimed_before_its_pause_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_common.work.queue._BACKOFF", Backoff(600, 600))
    blocked = await bench.add()
    bench.errors[blocked.id] = ServiceUnavailableError()
    bench.may_end.set()

    async with bench.running() as worker:
        await bench.until_started(blocked)
        await bench.until(blocked, JobStatus.PENDING)
        bench.errors.clear()
        worker.resume(blocked.id)
        await bench.until(blocked, JobStatus.COMPLETED)


async def test_an_outage_during_an_attempt_releases_the_task(bench: Bench) -> None:
    task = await bench.add()
    bench.errors[task.id] = StoreUnavailableError()
    bench.may_end.set()
    async with bench.running(deferrable=()):
        await bench.until_started(task, attempt=2)
        bench.errors.clear()
        done = await bench.until(task, JobStatus.COMPLETED)
    assert done.losses == 0


async def test_an_outage_during_a_claim_pauses_the_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def unavailable() -> Any:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StoreUnavailableError
        return []

    monkeypatch.setattr(bench.tasks, "leases", unavailable)
    bench.may_end.set()
    task = await bench.add()
    async with bench.running():
        await bench.until(task, JobStatus.COMPLETED)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValidationError("No."), "VALIDATION_ERROR"), (ValueError("bug"), "INTERNAL_ERROR")],
    ids=["known", "bug"],
)
async def test_an_error_fails_the_task_visibly_and_no_other(bench: Bench, error: Exception, code: str) -> None:
    poison, healthy = await bench.add(), await bench.add()
    bench.errors[poison.id] = error
    bench.may_end.set()
    async with bench.running(slots=1):
        failed = await bench.until(poison, JobStatus.FAILED)
        await bench.until(healthy, JobStatus.COMPLETED)
    assert (failed.error_code, failed.attempt, failed.lease) == (code, 1, None)
    assert failed.error_message
    assert "bug" not in failed.error_message


@pytest.mark.parametrize("other", ["progress", "cancellation"])
async def test_a_failed_deferral_is_reported_once_it_is_saved(database: Database, other: str) -> None:
    tasks = JOB.open(await database.open(JOB.service))
    await tasks.prepare()
    bench = Bench(JOB, tasks)
    bench.may_end.set()

    def change(held: Any) -> None:
        held.cancel() if other == "cancellation" else held.correct(progress=50)

    async def conflict(task: Task, _: Attempt) -> None:
        await tasks.update(task.id, change)  # the worker's next write conflicts with it
        raise ServiceUnavailableError("away", retry_after=None)

    bench.before_result = conflict
    task = await bench.add()
    async with bench.running() as worker:
        await bench.until(task, JobStatus.CANCELLED if other == "cancellation" else JobStatus.FAILED)
        await eventually(lambda: not worker.busy)
    reported = [(event.subject, event.count) for event in bench.reports.collect()]
    assert reported == ([] if other == "cancellation" else [("tasks", 1)])


@pytest.mark.parametrize(
    ("error", "logged", "reported"),
    [
        (StoreUnavailableError(), "claim_interrupted", []),
        (RemoteError(500, "INTERNAL_ERROR", "It failed."), "claim_interrupted", []),
        (InternalError(), "claim_failed", [("InternalError", "claim")]),
        (ValueError("no"), "claim_failed", [("ValueError", "claim")]),
    ],
    ids=["outage", "remote", "failure", "bug"],
)
async def test_the_worker_continues_after_errors_and_reports_unexpected_ones(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, logged: str, reported: list[tuple[str, str]]
) -> None:
    leases, errors = bench.tasks.leases, [error]

    async def fail_once() -> Any:
        if errors:
            raise errors.pop()
        return await leases()

    monkeypatch.setattr(bench.tasks, "leases", fail_once)
    bench.may_end.set()
    task = await bench.add()
    with capture_logs() as logs, reporting_to(bench.reports):
        async with bench.running():
            await bench.until(task, JobStatus.COMPLETED)
    assert [entry["event"] for entry in logs if "claim" in entry["event"]] == [logged]
    assert [(event.error_type, event.subject) for event in bench.reports.collect()] == reported
