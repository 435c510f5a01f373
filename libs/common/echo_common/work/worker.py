"""Worker that claims tasks and performs them. The database is the queue; events only wake workers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import structlog
from opentelemetry.trace import Status, StatusCode

from echo_common.background_tasks import report_unless_outage
from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.error_reports import ErrorReports
from echo_common.errors import ConflictError, EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.metrics import AttemptOutcome, Metrics, Sample
from echo_common.tracing import task_span
from echo_common.work.attempt import LeasedAttempt
from echo_common.work.lease import HeldLease, LeaseLostError, LeaseObserver
from echo_common.work.port import Candidate, QueueBacklog, Tasks
from echo_common.work.queue import WorkQueue
from echo_common.work.task import MAXIMUM_CRASHES, MAXIMUM_LOSSES, Task

_SWEEP_SECONDS = 2.0
_OUTAGE_PAUSE_SECONDS = 1.0
_LAST_CLAIM_SECONDS = 3.0
_UNAVAILABLE = 503
_INTERNAL = 500


class Worker:
    """A worker that performs the tasks of its work queues concurrently while it is `running`.

    With `exclusive` no other process works on these tasks, so leases found at the start have no holder and expire at once.
    """

    def __init__(
        self,
        lease_seconds: float,
        metrics: Metrics,
        faults: FaultPoints,
        *,
        exclusive: bool = False,
        errors: ErrorReports | None = None,
    ) -> None:
        self._queues: Sequence[WorkQueue[Any]] = ()
        self._metrics = metrics
        self._lease_seconds = lease_seconds
        self._task_metrics = metrics.tasks
        self._faults = faults
        self._errors = errors
        self._name = new_id("wrk")
        self._notified = asyncio.Event()
        self._running: dict[tuple[str, int], _RunningAttempt] = {}
        self._collections: Mapping[str, tuple[Tasks[Any], LeaseObserver]] = {}
        self._swept_at = 0.0
        self._has_orphaned_leases = exclusive
        self._stopping = False
        self._log = structlog.get_logger("echo.worker")

    @property
    def busy(self) -> int:
        """Number of attempts that run in this process."""
        return len(self._running)

    def wake(self) -> None:
        """Notify the worker that tasks may be pending."""
        self._notified.set()

    def recheck(self, task_id: str) -> None:
        """Renew at once the leases of a task's attempts in this process; an attempt whose lease is lost ends.

        The database decides, not the notification: a late cancellation ends no attempt that started after it.
        """
        for running in self._running.values():
            if running.candidate.task_id == task_id:
                running.attempt.recheck()

    def resume(self, task_id: str) -> None:
        """Claim a deferred task without the rest of its pause, because it may now be able to complete."""
        for queue in self._queues:
            queue.deferrals.discard(task_id)
        self.wake()

    @asynccontextmanager
    async def running(self, queues: Sequence[WorkQueue[Any]]) -> AsyncIterator[None]:
        """Perform the tasks of `queues` while the context is open; on exit, release the leases of running tasks."""
        self._queues = queues
        # One observer per collection, because several work queues may divide a collection.
        self._collections = {queue.tasks.name: (queue.tasks, LeaseObserver()) for queue in queues}
        loop = asyncio.create_task(self._loop())
        try:
            with self._metrics.measuring(self._measure):
                yield
        finally:
            self._stopping = True
            self.wake()
            # Cancelled in the middle of a claim, the loop would leave a claimed task behind.
            await asyncio.wait({loop}, timeout=_LAST_CLAIM_SECONDS)
            loop.cancel()
            attempts = list(self._running.values())
            for one in attempts:
                one.run.cancel()
            await asyncio.gather(loop, *(one.run for one in attempts), return_exceptions=True)
            await asyncio.gather(*(_release(one.attempt) for one in attempts))

    async def backlogs(self) -> Mapping[str, QueueBacklog]:
        """Measure the pending tasks of each work queue. Raises `StoreUnavailableError`."""
        return {queue.name: await queue.backlog() for queue in self._queues}

    async def _measure(self) -> Sequence[Sample]:
        samples: list[Sample] = []
        for queue in self._queues:
            backlog = await queue.backlog()
            running = sum(one.queue is queue for one in self._running.values())
            samples += [
                (self._task_metrics.depth.labels(queue.name), backlog.pending),
                (self._task_metrics.age.labels(queue.name), backlog.age_seconds),
                (self._task_metrics.running.labels(queue.name), running),
            ]
        return samples

    async def _loop(self) -> None:
        while not self._stopping:
            self._notified.clear()
            try:
                await self._expire_orphaned()
                await self._sweep()
                for queue in self._queues:
                    await self._claim(queue)
            except Exception as error:
                report_unless_outage(self._log, "claim", error)
                await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
                continue
            waits = [seconds for queue in self._queues if (seconds := queue.idle_seconds) is not None]
            with suppress(TimeoutError):
                async with asyncio.timeout(min([_SWEEP_SECONDS, *waits])):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._notified.wait()

    async def _expire_orphaned(self) -> None:
        """Expire the leases that earlier processes have left behind."""
        if self._has_orphaned_leases:
            for tasks, _ in self._collections.values():
                await self._expire(tasks, await tasks.leases(), MAXIMUM_CRASHES)
            self._has_orphaned_leases = False

    async def _sweep(self) -> None:
        """Expire the leases of workers that no longer renew them."""
        if monotonic() - self._swept_at < _SWEEP_SECONDS / 2:
            return
        self._swept_at = monotonic()
        for tasks, observer in self._collections.values():
            await self._expire(tasks, observer.expired(await tasks.leases()))

    async def _expire(self, tasks: Tasks[Any], leases: Sequence[HeldLease], maximum_losses: int = MAXIMUM_LOSSES) -> None:
        for held in leases:
            with suppress(ConflictError, NotFoundError):  # renewed, ended, or another worker was faster
                task = await tasks.holder(held)
                task.expire_lease(maximum_losses)
                await tasks.save(task)
                self._log.warning("lease_expired", **{tasks.id_label: task.id}, attempt=task.attempt, losses=task.losses)
                if self._errors is not None and task.work_status is JobStatus.FAILED:
                    queue = await self._find_queue(tasks, task.id)
                    self._errors.report("task", queue, error_type=task.error_code, message=task.error_message)

    async def _find_queue(self, tasks: Tasks[Any], task_id: str) -> str:
        """Return the name of a task's work queue."""
        queues = [queue for queue in self._queues if queue.tasks.name == tasks.name]
        with suppress(EchoError):  # an outage; the report must not be lost
            for queue in queues[1:]:
                if await queue.includes(task_id):
                    return queue.name
        return queues[0].name

    async def _claim(self, queue: WorkQueue[Any]) -> None:
        """Claim tasks for all free slots, concurrently, so that claims share the wait for the disk."""
        while not self._stopping:
            candidates = await queue.select([one.candidate for one in self._running.values() if one.queue is queue])
            if not candidates:
                return
            results = await asyncio.gather(*(self._claim_one(queue, one) for one in candidates), return_exceptions=True)
            for error in results:
                if error is not None:
                    raise error

    async def _claim_one(self, queue: WorkQueue[Any], candidate: Candidate) -> None:
        try:
            task = await queue.tasks.get(candidate.task_id)
            task.claim(self._name, self._lease_seconds)
            await queue.tasks.save(task)
        except (ConflictError, NotFoundError):  # another worker was faster, so the other candidates may be stale too
            queue.discard_candidates()
            return
        if task.attempt == 1 and task.queued_at is not None:
            self._task_metrics.wait.labels(queue.name).observe(max(0.0, (now() - task.queued_at).total_seconds()))
        await self._faults.reach("worker.after_claim")
        attempt = LeasedAttempt(queue.tasks, task, self._lease_seconds, self._faults)
        run = asyncio.create_task(self._run(queue, attempt, task))
        self._running[attempt.task_id, attempt.number] = _RunningAttempt(queue, candidate, attempt, run)
        run.add_done_callback(partial(self._ended, (attempt.task_id, attempt.number)))

    def _ended(self, key: tuple[str, int], run: "asyncio.Task[None]") -> None:
        self._running.pop(key, None)
        self.wake()
        if not run.cancelled() and isinstance(error := run.exception(), Exception):  # the sweep finds the task
            report_unless_outage(self._log, "attempt", error)

    async def _run(self, queue: WorkQueue[Any], attempt: LeasedAttempt[Any], task: Task) -> None:
        """Perform a claimed task within the trace in which it was queued."""
        attributes: dict[str, str | int] = {"echo.queue": queue.name, "echo.task": task.id, "echo.attempt": attempt.number}
        started = monotonic()
        with task_span(f"perform {queue.tasks.name}", task.traceparent, attributes) as span:
            outcome = await self._perform(queue, attempt, task)
            span.set_attribute("echo.outcome", outcome)
            if outcome == "failed":
                span.set_status(Status(StatusCode.ERROR))
        self._task_metrics.duration.labels(queue.name, outcome).observe(monotonic() - started)

    async def _perform(self, queue: WorkQueue[Any], attempt: LeasedAttempt[Any], task: Task) -> AttemptOutcome:
        """Perform a claimed task; return the outcome of the attempt."""
        number = attempt.number
        log = self._log.bind(**{queue.tasks.id_label: task.id}, attempt=number)
        outcome: AttemptOutcome = "failed"
        try:
            await attempt.run(queue.perform, task)
            outcome = "completed"
        except LeaseLostError:
            log.warning("lease_lost")
            outcome = await self._outcome_without_lease(queue, task.id)
        except queue.deferrable as error:
            log.warning("task_deferred", error=error.message, retry_after=error.retry_after)
            queue.deferrals.add(task.id)
            refusal = (error.retry_after, error.code, error.message)
            deferred = await attempt.update_or_abandon(lambda held: held.defer(number, now(), *refusal))
            if deferred is not None and deferred.work_status is JobStatus.FAILED:
                self._report(queue.name, error)
            return "deferred"
        except EchoError as error:
            if error.status == _UNAVAILABLE:
                log.warning("task_released", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
                await _release(attempt)
                return "released"
            await _fail(attempt, error.code, error.message)
            if error.status >= _INTERNAL:  # others are the user's
                self._report(queue.name, error)
        except Exception as error:
            log.exception("task_failed")
            self._report(queue.name, error)
            message = f"The {task.noun} failed because of an internal error. Retry it."
            await _fail(attempt, "INTERNAL_ERROR", message)
        queue.deferrals.discard(task.id)
        return outcome

    def _report(self, queue: str, error: Exception) -> None:
        if self._errors is not None and not (isinstance(error, EchoError) and error.remote):
            self._errors.report("task", queue, error, error_type=error.code if isinstance(error, EchoError) else None)

    async def _outcome_without_lease(self, queue: WorkQueue[Any], task_id: str) -> AttemptOutcome:
        """Return whether an attempt without a lease was cancelled or lost it otherwise; measure the time since the cancellation."""
        try:
            task = await queue.tasks.get(task_id)
        except NotFoundError:
            return "cancelled"  # a task is deleted together with its user's data
        except EchoError:
            return "lost"
        if task.work_status is not JobStatus.CANCELLED:
            return "lost"
        self._task_metrics.cancellation.labels(queue.name).observe(max(0.0, (now() - task.updated_at).total_seconds()))
        return "cancelled"


@dataclass(frozen=True, slots=True)
class _RunningAttempt:
    queue: WorkQueue[Any]
    candidate: Candidate
    attempt: LeasedAttempt[Any]
    run: "asyncio.Task[None]"


async def _fail(attempt: LeasedAttempt[Any], code: str, message: str) -> None:
    await attempt.update_or_abandon(lambda held: held.fail(attempt.number, code, message))


async def _release(attempt: LeasedAttempt[Any]) -> None:
    await attempt.update_or_abandon(lambda held: held.release(attempt.number))
