"""The worker: claims samples to process and clones to train. The database is the queue; events only ring the bell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from echo_common.clock import now
from echo_common.errors import ConflictError, EchoError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.store.port import Filter
from echo_common.telemetry import Metrics
from echo_voice.domain.task import LeaseLostError, Task, lease_until
from echo_voice.provider import Progressed
from echo_voice.repository import Tasks

T = TypeVar("T", bound=Task)
Commit = Callable[[T], None]
Perform = Callable[[T, int, Progressed], Awaitable[Commit[T]]]
"""Does one attempt's work and gives back the change that keeps its result."""

_SWEEP_SECONDS = 2.0
_RENEWALS_A_LEASE = 4
_OUTAGE_PAUSE = 1.0
_AWHILE = 503


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """One kind of work: where it waits, who does it, how much of it at the same time, and which of what waits there."""

    name: str
    tasks: Tasks[T]
    perform: Perform[T]
    at_once: int
    where: Filter = field(default_factory=dict)


class Worker:
    """Does the work of all lines, each piece in a task of its own. Start with `running`."""

    def __init__(self, lines: Sequence[Line[Any]], lease_seconds: float, metrics: Metrics, faults: FaultPoints) -> None:
        self._lines = lines
        self._lease_seconds = lease_seconds
        self._metrics = metrics
        self._faults = faults
        self._name = new_id("wrk")
        self._bell = asyncio.Event()
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._stopping = False
        self._log = structlog.get_logger("echo.worker")

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def drop(self, key: str) -> None:
        """The work is not wanted any more: stop at once if it is done here."""
        if found := self._running.get(key):
            found[1].cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context lasts; on leaving, work that is under way goes back into the queue."""
        loop = asyncio.create_task(self._loop())
        try:
            yield
        finally:
            self._stopping = True
            tasks = [loop, *(task for _, task in self._running.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _loop(self) -> None:
        while True:
            self._bell.clear()
            try:
                for line in self._lines:
                    await self._sweep(line)
                    await self._claim(line)
            except EchoError as error:
                self._log.warning("no work can be had", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            except Exception:
                self._log.exception("the worker's loop failed")
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), _SWEEP_SECONDS)

    async def _sweep(self, line: Line[Any]) -> None:
        """Take work from workers that have gone silent."""
        moment = now()
        async for task in line.tasks.abandoned(moment):
            task.lose(moment)
            with suppress(ConflictError):  # another replica was quicker
                await line.tasks.save(task)
                self._log.warning("work lost by its worker", key=task.id, losses=task.losses)

    async def _claim(self, line: Line[Any]) -> None:
        room = line.at_once - sum(name == line.name for name, _ in self._running.values())
        if room <= 0:
            return
        async for task in line.tasks.pending(room, line.where):
            if task.id in self._running:  # cancelled and wanted again, while the first attempt still ends here
                continue
            attempt = task.claim(self._name, lease_until(now(), self._lease_seconds))
            try:
                await line.tasks.save(task)
            except ConflictError:
                self.ring()
                continue
            await self._faults.reach("voice.after_claim")
            run = asyncio.create_task(self._run(line, task, attempt))
            self._running[task.id] = (line.name, run)
            run.add_done_callback(partial(self._ended, task.id))

    def _ended(self, key: str, _: "asyncio.Task[None]") -> None:
        self._running.pop(key, None)
        self.ring()

    async def _run(self, line: Line[Any], task: Task, attempt: int) -> None:
        log = self._log.bind(key=task.id, attempt=attempt)
        attempted = _Attempt(line, task.id, attempt, self._lease_seconds)
        try:
            await attempted.perform(task, self._faults)
            self._metrics.jobs.labels("completed").inc()
        except LeaseLostError:
            log.warning("work is not ours any more")
        except asyncio.CancelledError:
            if self._stopping:
                await attempted.settle(lambda held: held.hand_back(attempt))
            raise
        except EchoError as error:
            if error.status == _AWHILE:
                log.warning("work goes back into the queue", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                await attempted.settle(lambda held: held.hand_back(attempt))
                return
            code, message = error.code, error.message
            await attempted.settle(lambda held: held.fail(attempt, code, message))
            self._metrics.jobs.labels("failed").inc()
        except Exception:
            log.exception("work failed")
            message = "It failed on our side; it may be tried again."
            await attempted.settle(lambda held: held.fail(attempt, "INTERNAL_ERROR", message))
            self._metrics.jobs.labels("failed").inc()


class _Attempt:
    """One attempt: keeps the lease alive while working, and commits under its fence."""

    def __init__(self, line: Line[Any], key: str, attempt: int, lease_seconds: float) -> None:
        self._line = line
        self._key = key
        self._attempt = attempt
        self._lease_seconds = lease_seconds
        self._progress: tuple[int, int, str | None] = (0, 1, None)

    async def perform(self, task: Task, faults: FaultPoints) -> None:
        working = asyncio.ensure_future(self._line.perform(task, self._attempt, self._progressed))
        try:
            commit = await self._keep_lease(working)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await faults.reach("voice.before_commit")
        try:
            await self._line.tasks.update(self._key, commit)
        except EchoError as error:
            if error.status == 404:
                raise LeaseLostError(self._key) from error
            raise

    async def settle(self, change: Callable[[Any], object]) -> None:
        """Try to change the task under this attempt's fence; a lost lease or an outage leaves it to the sweep."""
        with suppress(LeaseLostError, EchoError):
            await self._line.tasks.update(self._key, change)

    def _progressed(self, done: int, total: int, note: str | None) -> None:
        self._progress = (done, total, note)

    async def _keep_lease(self, working: "asyncio.Future[Commit[Any]]") -> Commit[Any]:
        """Renew at intervals, and when there is progress; give up as soon as the lease is lost."""
        clock = asyncio.get_running_loop().time
        period = self._lease_seconds / _RENEWALS_A_LEASE
        seen, renewed = self._progress, clock()
        while True:
            done, _ = await asyncio.wait({working}, timeout=min(0.5, period))
            if done:
                return working.result()
            if self._progress != seen or clock() - renewed >= period:
                seen, renewed = self._progress, clock()
                await self._renew(seen)

    async def _renew(self, progress: tuple[int, int, str | None]) -> None:
        until = lease_until(now(), self._lease_seconds)
        try:
            await self._line.tasks.update(self._key, lambda held: held.renew(self._attempt, until, *progress))
        except EchoError as error:
            if error.status == 404:
                raise LeaseLostError(self._key) from error  # an outage, on the other hand, the lease may survive
