"""Metrics and traces of tasks."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.errors import ServiceUnavailableError, ValidationError
from echo_common.tracing import current_trace_id
from echo_common.work.lease import HeldLease
from echo_common.work.port import Attempt, QueueBacklog
from echo_common.work.task import Task
from echo_common.work.worker import Worker
from tests.integration.work.conftest import Bench
from tests.support.database import Database
from tests.support.error_log import sources
from tests.support.eventually import eventually
from tests.support.work import JOB


def value(bench: Bench, name: str, **labels: str) -> float:
    return bench.metrics.registry.get_sample_value(name, {"queue": "tasks", **labels}) or 0


def attempts(bench: Bench, outcome: str) -> float:
    return value(bench, "echo_task_duration_seconds_count", outcome=outcome)


async def test_pending_and_running_tasks_are_measured(bench: Bench) -> None:
    for _ in range(3):
        await bench.add()
    async with bench.running(slots=1) as worker:
        await eventually(lambda: worker.busy == 1)
        await bench.metrics.measure()
        assert value(bench, "echo_task_queue_depth") == 2
        assert value(bench, "echo_tasks_running") == 1
        assert value(bench, "echo_task_queue_age_seconds") > 0
        assert value(bench, "echo_task_wait_seconds_count") == 1
        bench.may_end.set()


async def test_the_wait_of_a_task_starts_again_when_an_attempt_releases_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = now() - timedelta(seconds=1800)
    monkeypatch.setattr("echo_common.work.repository.now", lambda: earlier)
    task = await bench.add()
    monkeypatch.undo()
    assert (await bench.tasks.backlog({})).age_seconds >= 1800
    await bench.tasks.update(task.id, lambda held: held.claim("wrk_1", 600))
    await bench.tasks.update(task.id, lambda held: held.release(1))
    assert (await bench.tasks.backlog({})).age_seconds < 900


async def test_the_wait_is_that_of_the_oldest_task_which_may_start(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await database.open("synthesis")
    jobs = JOB.open(store)
    await jobs.prepare()
    deferred = JOB.queue()
    await jobs.add(deferred)
    await jobs.update(deferred.id, lambda held: held.claim("wrk_1", 600))
    await jobs.update(deferred.id, lambda held: held.defer(1, now(), 3600, "ENGINE_UNAVAILABLE", "away"))
    assert await jobs.backlog({}) == QueueBacklog(1, 0.0)
    assert (await jobs.get(deferred.id)).queued_at > now()
    monkeypatch.setattr("echo_common.work.repository.now", lambda: now() - timedelta(seconds=600))
    await jobs.add(JOB.queue())
    monkeypatch.undo()
    backlog = await jobs.backlog({})
    assert backlog.pending == 2
    assert backlog.age_seconds >= 600
    await store.close()


async def test_attempts_are_measured_by_outcome(bench: Bench) -> None:
    completed, failed, deferred = [await bench.add() for _ in range(3)]
    bench.may_end.set()
    bench.errors = {failed.id: ValidationError("no"), deferred.id: ServiceUnavailableError("later")}
    async with bench.running():
        await bench.until(completed, JobStatus.COMPLETED)
        await bench.until(failed, JobStatus.FAILED)
        await eventually(lambda: attempts(bench, "deferred") >= 1, within=20)
        await eventually(lambda: attempts(bench, "completed") == attempts(bench, "failed") == 1, within=20)


async def test_the_time_to_the_end_of_a_cancelled_attempt_is_measured(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running() as worker:
        await bench.until_started(task)
        await bench.tasks.update(task.id, Task.cancel)
        worker.recheck(task.id)
        await eventually(lambda: attempts(bench, "cancelled") == 1)
    assert value(bench, "echo_task_cancel_seconds_count") == 1
    assert attempts(bench, "lost") == 0


async def test_an_attempt_that_loses_its_lease_otherwise_was_not_cancelled(bench: Bench) -> None:
    task = await bench.add()
    async with bench.running(slots=1) as worker:
        await bench.until_started(task)
        await bench.tasks.update(task.id, lambda held: held.expire_lease(1))
        worker.recheck(task.id)
        await eventually(lambda: attempts(bench, "lost") == 1)
    assert value(bench, "echo_task_cancel_seconds_count") == 0


async def test_a_task_is_performed_in_the_trace_that_queued_it(bench: Bench) -> None:
    seen: list[str | None] = []

    async def record(_: Task, __: Attempt) -> None:
        seen.append(current_trace_id())

    bench.before_result = record
    bench.may_end.set()
    task = await _in_trace(0xA1, bench.add())
    async with bench.running() as worker:
        await bench.until(task, JobStatus.COMPLETED)
        await bench.tasks.update(task.id, lambda held: held.expire_lease())  # a save outside of the trace does not end it
        await _in_trace(0xB2, bench.tasks.update(task.id, _queue_again))
        await _performed_again(worker, seen)
    assert seen == [f"{0xA1:032x}", f"{0xB2:032x}"]


async def test_the_span_that_queues_a_task_names_its_collection(bench: Bench) -> None:
    span = TracerProvider().get_tracer("test").start_span("request")
    with trace.use_span(span):
        await bench.add()
    assert cast("ReadableSpan", span).attributes == {"echo.queued": bench.tasks.name}


def _queue_again(held: Any) -> None:
    held.restart()


async def _performed_again(worker: Worker, seen: list[str | None]) -> None:
    worker.wake()
    await eventually(lambda: len(seen) == 2, within=20)


async def _in_trace(trace_id: int, work: Any) -> Any:
    span = NonRecordingSpan(SpanContext(trace_id, 1, is_remote=False, trace_flags=TraceFlags(0)))
    token = context.attach(trace.set_span_in_context(span))
    try:
        return await work
    finally:
        context.detach(token)


async def test_failures_of_the_platform_are_reported_once(bench: Bench) -> None:
    broken, invalid = [await bench.add() for _ in range(2)]
    bench.errors = {broken.id: KeyError("voice"), invalid.id: ValidationError("The text is too long.")}
    async with bench.running():
        await eventually(lambda: attempts(bench, "failed") == 2)
    events = bench.reports.collect()
    assert [(event.error_type, event.source, event.subject, event.count) for event in events] == [
        ("KeyError", "task", "tasks", 1)
    ]


async def test_failures_of_the_loop_are_reported_and_it_continues(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    leases, failures = bench.tasks.leases, [KeyError("lease"), ServiceUnavailableError()]

    async def fail_at_first() -> Sequence[HeldLease]:
        if failures:
            raise failures.pop()
        return await leases()

    monkeypatch.setattr("echo_common.work.worker._OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(bench.tasks, "leases", fail_at_first)
    bench.may_end.set()
    task = await bench.add()
    async with bench.running(exclusive=True):
        await bench.until(task, JobStatus.COMPLETED)
    assert sources(bench.reports.collect()) == [("KeyError", "background", "claim", 1)]


async def test_an_attempt_that_ends_by_a_fault_of_the_worker_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> str:
        raise KeyError("attempt")

    monkeypatch.setattr(Worker, "_perform", fail)
    await bench.add()
    async with bench.running() as worker:
        await eventually(lambda: bool(bench.reports._groups))
        await eventually(lambda: not worker.busy)
    assert sources(bench.reports.collect()) == [("KeyError", "background", "attempt", 1)]
