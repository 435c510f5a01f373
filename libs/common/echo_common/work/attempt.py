"""Attempts: perform a task under its lease, then commit the result with the fencing token."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from echo_common.errors import ConflictError, EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.shielded import shielded
from echo_common.work.lease import LeaseLostError
from echo_common.work.port import Performer, Result, Tasks
from echo_common.work.task import Progress, Task

T = TypeVar("T", bound=Task)
R = TypeVar("R")

_RENEWALS_PER_LEASE = 4
_LONGEST_PERIOD_SECONDS = 1.5
"""Longest time between renewals, which also detect a cancellation whose notification was lost."""

_PROGRESS_SECONDS = 0.5
"""Shortest time between renewals that save progress, so that a task of many short steps does not save each."""


class LeasedAttempt(Generic[T]):
    """An attempt at a claimed task. `run` it; after an error, `update_or_abandon` the task."""

    def __init__(self, tasks: Tasks[T], task: T, lease_seconds: float, faults: FaultPoints) -> None:
        self.task_id = task.id
        self.number = task.attempt
        self._tasks = tasks
        self._faults = faults
        self._period = min(lease_seconds / _RENEWALS_PER_LEASE, _LONGEST_PERIOD_SECONDS)
        self._progress = Progress()
        self._recheck = asyncio.Event()
        self._writing = asyncio.Lock()
        self._saved: T | None = task
        """The task as last saved; None while that is not known."""

    def report(self, progress: Progress) -> None:
        """Report progress; the next renewal saves it, in at most half a second."""
        self._progress = progress

    def recheck(self) -> None:
        """Renew the lease at once; the attempt ends if the lease is lost."""
        self._recheck.set()

    async def run(self, perform: Performer[T], task: T) -> None:
        """Perform the task and commit its result. Raises `LeaseLostError` and the errors of `perform`."""
        performing = asyncio.ensure_future(perform(task, self))
        try:
            result = await self._keep_lease(performing)
        except BaseException:
            performing.cancel()
            await shielded(_discard(performing))
            raise
        await shielded(self._commit(result))

    async def update_or_abandon(self, change: Callable[[T], object]) -> T | None:
        """Change the task with this attempt's fencing token; after a lost lease or an outage, leave it to the sweep.

        Returns:
            The task as saved, or None if it was left.
        """
        with suppress(LeaseLostError, EchoError):
            return await self._update(change)
        return None

    async def renew(self) -> bool:
        """Renew the lease and save the progress; return False if the database is not reachable. Raises `LeaseLostError`."""
        progress = self._progress
        try:
            await self._update(lambda held: held.renew(self.number, progress))
        except NotFoundError as error:
            raise LeaseLostError(self.task_id) from error
        except EchoError:
            return False  # the lease may outlast the outage
        await self._faults.reach("worker.after_renewal")
        return True

    async def _keep_lease(self, performing: "asyncio.Future[R]") -> R:
        """Renew the lease at intervals, after progress and on a recheck. Raises `LeaseLostError` once the lease is lost."""
        clock = asyncio.get_running_loop().time
        seen, renewed = self._progress, clock()
        rechecking = asyncio.create_task(self._recheck.wait())
        try:
            while True:
                ends: set[asyncio.Future[Any]] = {performing, rechecking}
                timeout = min(_PROGRESS_SECONDS, self._period)
                await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if performing.done():
                    return performing.result()
                if rechecking.done() or self._progress != seen or clock() - renewed >= self._period:
                    if rechecking.done():
                        self._recheck.clear()
                        rechecking = asyncio.create_task(self._recheck.wait())
                    seen, renewed = self._progress, clock()
                    await self.renew()
        finally:
            rechecking.cancel()

    async def _commit(self, result: Result[T]) -> None:
        try:
            await self._store(result)
            await self._faults.reach("worker.before_commit")
            await self._update(result.apply)
        except (LeaseLostError, NotFoundError, ConflictError) as error:
            await result.discard()
            raise LeaseLostError(self.task_id) from error
        await result.finish()

    async def _store(self, result: Result[T]) -> None:
        """Store the result and renew the lease meanwhile, which may take as long as a large object. Raises `LeaseLostError`.

        A lost lease does not cancel the store: the database may already have applied its write.
        """
        storing = asyncio.ensure_future(result.store())
        try:
            await self._keep_lease(storing)
        except BaseException:
            await asyncio.gather(storing, return_exceptions=True)
            raise

    async def _update(self, change: Callable[[T], object]) -> T:
        """Change the task as last saved, without reading it; read it again after a failure."""
        async with self._writing:
            saved, self._saved = self._saved, None
            task = await (self._tasks.amend(saved, change) if saved else self._tasks.update(self.task_id, change))
            self._saved = task
            return task


async def _discard(performing: "asyncio.Future[Result[T]]") -> None:
    """Wait for the end of a cancelled performer; discard its result if it has completed nevertheless."""
    await asyncio.wait({performing})
    if not performing.cancelled() and performing.exception() is None:
        await performing.result().discard()
