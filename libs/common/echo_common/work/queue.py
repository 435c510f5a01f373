"""Work queues: selection of the tasks that a worker claims next."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from echo_common.backoff import Backoff
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.store.port import Filter
from echo_common.work.port import NOT_BUSY, Busy, Candidate, Performer, QueueBacklog, Tasks
from echo_common.work.task import Task

T = TypeVar("T", bound=Task)

CACHE_SECONDS = 0.25
"""Seconds for which the candidate list is cached."""

_CANDIDATES = 128
_BACKOFF = Backoff(1.0, 60.0, jitter=(1.0, 1.0))
_REMEMBERED_SECONDS = 600.0


class WorkQueue(Generic[T]):
    """The pending tasks of a collection, the function that performs them, and the slots for tasks that run concurrently.

    The cached candidate list may be stale: only a claim tells whether a task is still pending.

    Args:
        name: The name in log lines.
        tasks: The tasks; several work queues may divide a collection.
        perform: The function that performs a task.
        slots: Maximum number of tasks of this queue that run concurrently in this process.
        reserved_slots: Number of these slots that only users without a running task of this queue get.
        lane_slots: Number of these slots that lanes with a running task get, too; all unless given.
        where: A filter on the collection.
        deferrable: Errors after which a task is deferred.
    """

    def __init__(
        self,
        name: str,
        tasks: Tasks[T],
        perform: Performer[T],
        *,
        slots: int,
        reserved_slots: int = 0,
        lane_slots: int | None = None,
        where: Filter | None = None,
        deferrable: tuple[type[EchoError], ...] = (ServiceUnavailableError,),
    ) -> None:
        self.name = name
        self.tasks = tasks
        self.perform = perform
        self.deferrable = deferrable
        self.deferrals = Deferrals()
        self._slots = slots
        self._shared_slots = slots - reserved_slots
        self._lane_slots = slots if lane_slots is None else lane_slots
        self._where: Mapping[str, Any] = where or {}
        self._candidates: list[Candidate] = []
        self._read_at = 0.0
        self._read_without = NOT_BUSY

    async def select(self, running: Collection[Candidate]) -> Sequence[Candidate]:
        """Return the tasks to claim for all free slots.

        A task that already runs here is not selected: it was cancelled and queued again, and its first attempt has not ended yet.

        Args:
            running: The tasks of this queue that run in this process.

        Raises:
            StoreUnavailableError: The database is not reachable.
        """
        taken, selected = list(running), list[Candidate]()
        while len(taken) < self._slots:
            candidate = await self._take({candidate.task_id for candidate in taken}, self._find_busy(taken))
            if candidate is None:
                break
            selected.append(candidate)
            taken.append(candidate)
        return selected

    async def backlog(self) -> QueueBacklog:
        """Measure the pending tasks. Raises `StoreUnavailableError`."""
        return await self.tasks.backlog(self._where)

    async def includes(self, task_id: str) -> bool:
        """Return whether a task of the collection belongs to this queue. Raises `StoreUnavailableError`."""
        return await self.tasks.matches(task_id, self._where)

    def discard_candidates(self) -> None:
        """Read the candidates again at the next selection, because another worker was faster."""
        self._candidates.clear()

    @property
    def idle_seconds(self) -> float | None:
        """Seconds after which the next selection may differ without a notification; None if it will not."""
        return CACHE_SECONDS if self._candidates else self.deferrals.next_seconds

    def _find_busy(self, taken: Sequence[Candidate]) -> Busy:
        users = {candidate.user_id for candidate in taken} if len(taken) >= self._shared_slots else ()
        lanes = {candidate.lane for candidate in taken} if len(taken) >= self._lane_slots else ()
        return Busy(frozenset(users), frozenset(lanes))

    async def _take(self, task_ids: Collection[str], busy: Busy) -> Candidate | None:
        """Remove and return the first candidate that is neither one of these tasks, nor busy, nor deferred."""
        deferred = self.deferrals.task_ids()
        if not self._candidates or monotonic() - self._read_at > CACHE_SECONDS:
            await self._read(deferred, busy)
        found = self._pop(task_ids, deferred, busy)
        if found is None and busy != self._read_without:  # the list holds busy ones alone; others may wait behind them
            await self._read(deferred, busy)
            found = self._pop(task_ids, deferred, busy)
        return found

    async def _read(self, deferred: Collection[str], busy: Busy) -> None:
        self._read_at, self._read_without = monotonic(), busy
        where = {**self._where, "_id": {"$nin": sorted(deferred)}} if deferred else self._where
        self._candidates = list(await self.tasks.pending(_CANDIDATES, where, busy))

    def _pop(self, task_ids: Collection[str], deferred: Collection[str], busy: Busy) -> Candidate | None:
        for place, candidate in enumerate(self._candidates):
            task_id = candidate.task_id
            is_busy = candidate.user_id in busy.user_ids or candidate.lane in busy.lanes
            if task_id not in task_ids and task_id not in deferred and not is_busy:
                return self._candidates.pop(place)
        return None


@dataclass(frozen=True, slots=True)
class _Deferral:
    times: int
    until: float


class Deferrals:
    """Tasks that this process does not claim for a while, with exponentially growing pauses."""

    def __init__(self) -> None:
        self._deferrals: dict[str, _Deferral] = {}

    def add(self, task_id: str) -> float:
        """Defer a task; return the pause in seconds."""
        times = self._deferrals[task_id].times + 1 if task_id in self._deferrals else 1
        pause = _BACKOFF.delay(times)
        self._deferrals[task_id] = _Deferral(times, monotonic() + pause)
        return pause

    def discard(self, task_id: str) -> None:
        """Forget a task that has ended."""
        self._deferrals.pop(task_id, None)

    def task_ids(self) -> Collection[str]:
        """Return the ids of the deferred tasks."""
        moment = monotonic()
        for task_id in [key for key, deferral in self._deferrals.items() if deferral.until < moment - _REMEMBERED_SECONDS]:
            del self._deferrals[task_id]
        return {task_id for task_id, deferral in self._deferrals.items() if deferral.until > moment}

    @property
    def next_seconds(self) -> float | None:
        """Seconds until the first of the pauses ends; None without one."""
        moment = monotonic()
        return min((deferral.until - moment for deferral in self._deferrals.values() if deferral.until > moment), default=None)
