"""Ports of the worker: the parts that a service supplies, and the attempt that the worker passes to it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from echo_common.store.port import Filter
from echo_common.work.lease import HeldLease
from echo_common.work.task import Progress, Task

T = TypeVar("T", bound=Task)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that was pending when it was read, its user, and the lane within the user's tasks, where there are several."""

    task_id: str
    user_id: str
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """Users and lanes whose tasks are no candidates, because the slots that are left are for others."""

    user_ids: Collection[str] = frozenset()
    lanes: Collection[str] = frozenset()


NOT_BUSY: Final = Busy()


@dataclass(frozen=True, slots=True)
class QueueBacklog:
    """The number of pending tasks, and the longest wait of those that may start now in seconds, 0 without one."""

    pending: int
    age_seconds: float


class Tasks(Protocol[T]):
    """The tasks of one collection: the database is the queue.

    Every write is conditional on the version that was read, so of several workers that claim a task one succeeds. All methods
    raise `StoreUnavailableError`; after that error a write may or may not have happened. `TaskRepository` implements this.
    """

    name: ClassVar[str]
    """Name of the collection; work queues with the same name share their leases."""

    id_label: ClassVar[str]
    """Name of the task's id in log lines."""

    async def pending(self, limit: int, where: Filter, busy: Busy = NOT_BUSY) -> Sequence[Candidate]:
        """Return up to `limit` pending tasks that match `where` and may start now, in queue order, without those of `busy`.

        The list may be stale at once: only a claim tells whether a task is still pending.
        """

    async def backlog(self, where: Filter) -> QueueBacklog:
        """Measure the pending tasks that match `where`."""

    async def matches(self, key: str, where: Filter) -> bool:
        """Return whether the task exists and matches `where`."""

    async def leases(self) -> Sequence[HeldLease]:
        """Return the leases of all tasks in progress, expired or not."""

    async def holder(self, held: HeldLease) -> T:
        """Return the task with this lease, maybe without large fields. Raises `NotFoundError` if renewed or ended since."""

    async def get(self, key: str) -> T:
        """Return the task. Raises `NotFoundError`."""

    async def save(self, aggregate: T) -> None:
        """Save the task, and publish the events it has recorded. Raises `ConflictError` if it was saved by others meanwhile."""

    async def update(self, key: str, change: Callable[[T], object]) -> T:
        """Read, change and save the task; after a conflict, again. Raises `NotFoundError` and the errors of `change`."""

    async def amend(self, aggregate: T, change: Callable[[T], object]) -> T:
        """Change and save a task that was read before, like `update`; read it again only after a conflict."""


class Attempt(Protocol):
    """An attempt at a task, as its performer sees it."""

    @property
    def number(self) -> int:
        """The attempt number, which is the fencing token: 1 or more."""

    def report(self, progress: Progress) -> None:
        """Report progress; the next renewal saves it, in at most half a second."""

    async def renew(self) -> bool:
        """Save the progress at once; return False if the database is not reachable. Raises `LeaseLostError`."""


class Result(Generic[T]):
    """Result of an attempt, until its commit. A result with objects or documents of its own overrides the other methods."""

    def __init__(self, apply: Callable[[T], object]) -> None:
        """Create a result. `apply` completes the task; it raises `LeaseLostError` unless the attempt holds the lease."""
        self.apply = apply

    async def store(self) -> None:
        """Store the objects and documents of the completed task, before the commit. Raises `LeaseLostError`, `EchoError`."""

    async def discard(self) -> None:
        """Delete everything stored, because the attempt was cancelled or has lost its lease. Raises nothing."""

    async def finish(self) -> None:
        """Delete the leftovers of earlier attempts, and count the result, after the commit. Raises nothing."""


class Performer(Protocol[T]):
    """The function of a service that performs an attempt at a task."""

    async def __call__(self, task: T, attempt: Attempt, /) -> Result[T]:
        """Perform the task and return the result, which the worker commits. `task` is as claimed; do not change it.

        The attempt holds the lease meanwhile. It is cancelled when the lease is lost or the worker stops; it then leaves nothing
        running. An `EchoError` fails the task with its code and message, except the errors for which its work queue defers the
        task, and outages (status 503), after which the task is released. Any other exception fails it as an internal error.
        """
