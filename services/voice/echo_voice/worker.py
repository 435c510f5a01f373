"""Worker that claims samples to process and voice models to train. The database is the queue; events only wake workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

import structlog

from echo_common.errors import ConflictError, EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.store.port import Filter
from echo_common.telemetry import Metrics
from echo_common.uninterrupted import uninterrupted
from echo_common.work.lease import HeldLease, LeaseObserver
from echo_voice.domain.task import MAXIMUM_CRASHES, MAXIMUM_LOSSES, LeaseLostError, Task
from echo_voice.provider import Progressed
from echo_voice.repository import Tasks

T = TypeVar("T", bound=Task)
Commit = Callable[[T], None]
Perform = Callable[[T, int, Progressed], Awaitable[Commit[T]]]
"""Function that performs one attempt and returns the change that saves its result."""

_SWEEP_SECONDS = 2.0
_RENEWALS_A_LEASE = 4
_OUTAGE_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_REMEMBERED_SECONDS = 600.0
_LAST_CLAIM = 3.0
_UNAVAILABLE = 503
_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """A work queue: its collection, the function that performs a task, the concurrency limit, and a filter on the collection."""

    name: str
    tasks: Tasks[T]
    perform: Perform[T]
    at_once: int
    where: Filter = field(default_factory=dict)


class Worker:
    """A worker that performs the tasks of all work queues, each in an asyncio task of its own. Start it with `running`.

    With `exclusive` no other process works on these tasks, so leases found at the start have no holder and expire at once.
    """

    def __init__(
        self,
        lines: Sequence[Line[Any]],
        lease_seconds: float,
        metrics: Metrics,
        faults: FaultPoints,
        *,
        exclusive: bool = False,
    ) -> None:
        self._lines = lines
        self._lease_seconds = lease_seconds
        self._metrics = metrics
        self._faults = faults
        self._name = new_id("wrk")
        self._bell = asyncio.Event()
        self._running: dict[tuple[str, int], _Running] = {}
        self._deferred: dict[str, _Deferral] = {}
        # One observer per collection, because several work queues may share a collection.
        self._collections = {line.tasks.name: (line.tasks, LeaseObserver()) for line in lines}
        self._swept = 0.0
        self._orphaned = exclusive
        self._stopping = False
        self._log = structlog.get_logger("echo.worker")

    @property
    def busy(self) -> int:
        """Number of tasks that run in this process."""
        return len(self._running)

    def ring(self) -> None:
        """Wake the worker to look for pending tasks."""
        self._bell.set()

    def recheck(self, key: str) -> None:
        """Renew at once the leases of a task's attempts in this process; an attempt whose lease is lost ends.

        The database decides, not the notification: a late cancellation ends no attempt that started after it.
        """
        for (task_id, _), running in self._running.items():
            if task_id == key:
                running.attempt.recheck()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the worker while the context is open; on exit, release the leases of running tasks."""
        loop = asyncio.create_task(self._loop())
        try:
            yield
        finally:
            self._stopping = True
            self.ring()
            await asyncio.wait(
                {loop}, timeout=_LAST_CLAIM
            )  # cancelling in the middle of a claim would leave a claimed task behind
            loop.cancel()
            running = list(self._running.values())
            for one in running:
                one.task.cancel()
            await asyncio.gather(loop, *(one.task for one in running), return_exceptions=True)
            await asyncio.gather(*(one.attempt.hand_back() for one in running))

    async def _loop(self) -> None:
        while not self._stopping:
            self._bell.clear()
            try:
                await self._release_orphaned()
                await self._sweep()
                for line in self._lines:
                    await self._claim(line)
            except EchoError as error:
                self._log.warning("claim_failed", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            except Exception:
                self._log.exception("worker_loop_failed")
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_seconds()):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._bell.wait()

    async def _release_orphaned(self) -> None:
        """Expire the leases that earlier processes left behind."""
        if self._orphaned:
            for tasks, _ in self._collections.values():
                await self._expire(tasks, await tasks.leases(), MAXIMUM_CRASHES)
            self._orphaned = False

    async def _sweep(self) -> None:
        """Expire leases that were not renewed in time."""
        if monotonic() - self._swept < _SWEEP_SECONDS / 2:
            return
        self._swept = monotonic()
        for tasks, observer in self._collections.values():
            await self._expire(tasks, observer.expired(await tasks.leases()))

    async def _expire(self, tasks: Tasks[Any], leases: Sequence[HeldLease], maximum_losses: int = MAXIMUM_LOSSES) -> None:
        for held in leases:
            with suppress(ConflictError, NotFoundError):  # renewed, ended, or another replica was faster
                task = await tasks.get(held.key, version=held.version)
                task.expire_lease(maximum_losses)
                await tasks.save(task)
                self._log.warning("lease_expired", task_id=task.id, attempt=task.attempt, losses=task.losses)

    async def _claim(self, line: Line[Any]) -> None:
        conflicts = 0
        while conflicts < _CONFLICTS and not self._stopping:
            room = line.at_once - sum(one.line == line.name for one in self._running.values())
            # Skip deferred tasks, and tasks that were cancelled and queued again while their first attempt still ends here.
            left_out = {key for key, _ in self._running} | self._not_yet()
            where = {**line.where, "_id": {"$nin": sorted(left_out)}} if left_out else line.where
            found = [task async for task in line.tasks.pending(room, where)] if room > 0 else []
            if not found:
                return
            for task in found:
                if not await self._start(line, task):
                    conflicts += 1  # another replica was faster: query again, but stop after a few conflicts

    async def _start(self, line: Line[Any], task: Task) -> bool:
        number = task.claim(self._name, self._lease_seconds)
        try:
            await line.tasks.save(task)
        except ConflictError:
            return False
        await self._faults.reach("voice.after_claim")
        attempt = _Attempt(line, task, self._lease_seconds)
        run = asyncio.create_task(self._run(attempt, task))
        self._running[task.id, number] = _Running(line.name, run, attempt)
        run.add_done_callback(partial(self._ended, task.id, number))
        return True

    def _not_yet(self) -> set[str]:
        moment = monotonic()
        forgotten = [key for key, deferral in self._deferred.items() if deferral.until < moment - _REMEMBERED_SECONDS]
        for key in forgotten:
            del self._deferred[key]
        return {key for key, deferral in self._deferred.items() if deferral.until > moment}

    def _idle_seconds(self) -> float:
        moment = monotonic()
        waits = [deferral.until - moment for deferral in self._deferred.values() if deferral.until > moment]
        return min([_SWEEP_SECONDS, *waits])

    def _defer(self, key: str) -> float:
        """Defer a task's next claim by a pause that grows with every deferral; return the pause in seconds."""
        times = self._deferred[key].times + 1 if key in self._deferred else 0
        pause = min(_OUTAGE_PAUSE * 2.0 ** min(times, 10), _LONGEST_PAUSE)
        self._deferred[key] = _Deferral(times, monotonic() + pause)
        return pause

    def _ended(self, key: str, number: int, _: "asyncio.Task[None]") -> None:
        self._running.pop((key, number), None)
        self.ring()

    async def _run(self, attempt: "_Attempt", task: Task) -> None:
        log = self._log.bind(task_id=task.id, attempt=attempt.number)
        try:
            await attempt.perform(task, self._faults)
            self._metrics.jobs.labels("completed").inc()
        except LeaseLostError:
            log.warning("lease_lost")
        except EchoError as error:
            if error.status == _UNAVAILABLE:
                pause = self._defer(task.id)
                log.warning("task_deferred", error=error.message, seconds=pause)
                await attempt.hand_back()
                return
            code, message = error.code, error.message
            await attempt.settle(lambda held: held.fail(attempt.number, code, message))
            self._metrics.jobs.labels("failed").inc()
        except Exception:
            log.exception("task_failed")
            message = "The task failed because of an internal error. Try again."
            await attempt.settle(lambda held: held.fail(attempt.number, "INTERNAL_ERROR", message))
            self._metrics.jobs.labels("failed").inc()
        self._deferred.pop(task.id, None)


@dataclass(frozen=True, slots=True)
class _Running:
    line: str
    task: "asyncio.Task[None]"
    attempt: "_Attempt"


@dataclass(frozen=True, slots=True)
class _Deferral:
    times: int
    until: float


class _Attempt:
    """An attempt at a task: it renews the lease while the task runs and commits with its fencing token."""

    def __init__(self, line: Line[Any], task: Task, lease_seconds: float) -> None:
        self.number = task.attempt
        self._line = line
        self._key = task.id
        self._lease_seconds = lease_seconds
        self._progress: tuple[int, int, str | None] = (0, 1, None)
        self._news = asyncio.Event()
        self._rechecked = False

    def recheck(self) -> None:
        """Renew the lease at once; the attempt ends if the lease is lost."""
        self._rechecked = True
        self._news.set()

    async def perform(self, task: Task, faults: FaultPoints) -> None:
        """Perform the task and commit its result. Raises `LeaseLostError` and the errors of the task itself."""
        working = asyncio.ensure_future(self._line.perform(task, self.number, self._progressed))
        try:
            commit = await self._keep_lease(working, faults)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await faults.reach("voice.before_commit")
        try:
            await uninterrupted(self._line.tasks.update(self._key, commit))
        except NotFoundError as error:
            raise LeaseLostError(self._key) from error

    async def hand_back(self) -> None:
        """Release the lease, unless it is lost or the task has ended."""
        await self.settle(lambda held: held.hand_back(self.number))

    async def settle(self, change: Callable[[Any], object]) -> None:
        """Try to change the task with this attempt's fencing token; after a lost lease or an outage the sweep handles the task."""
        with suppress(LeaseLostError, EchoError):
            await self._line.tasks.update(self._key, change)

    def _progressed(self, done: int, total: int, note: str | None) -> None:
        self._progress = (done, total, note)
        self._news.set()

    async def _keep_lease(self, working: "asyncio.Future[Commit[Any]]", faults: FaultPoints) -> Commit[Any]:
        """Renew the lease at intervals, on progress and on a recheck. Raises `LeaseLostError` once the lease is lost."""
        clock = asyncio.get_running_loop().time
        period = self._lease_seconds / _RENEWALS_A_LEASE
        seen, renewed = self._progress, clock()
        while True:
            news = asyncio.create_task(self._news.wait())
            ends: set[asyncio.Future[Any]] = {working, news}
            try:
                await asyncio.wait(ends, timeout=min(0.5, period), return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
            if working.done():
                return working.result()
            self._news.clear()
            if self._progress != seen or self._rechecked or clock() - renewed >= period:
                seen, renewed, self._rechecked = self._progress, clock(), False
                await self._renew(seen)
                await faults.reach("voice.after_renewal")

    async def _renew(self, progress: tuple[int, int, str | None]) -> None:
        try:
            await self._line.tasks.update(self._key, lambda held: held.renew(self.number, *progress))
        except NotFoundError as error:
            raise LeaseLostError(self._key) from error
        except EchoError:
            return  # the lease may outlast the outage
