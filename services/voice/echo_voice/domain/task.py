"""Durable background tasks: queued in the database, claimed under a lease, with the attempt number as fencing token."""

from abc import abstractmethod
from typing import ClassVar

from echo_common.aggregate import Aggregate
from echo_common.contracts.values import JobStatus
from echo_common.errors import ConflictError
from echo_common.work.lease import Lease

MAXIMUM_LOSSES = 3

MAXIMUM_CRASHES = 10
"""Losses that fail a task after crashes of the whole platform, which say little about a single task."""


class LeaseLostError(Exception):
    """A lost lease: the task was cancelled, or its lease expired."""


class Task(Aggregate):
    """An aggregate with work for a worker: a sample to process or a voice model to train.

    pending → processing → completed, failed or cancelled. `attempt` rises with every claim and is the fencing token: only the
    latest attempt may renew, complete or fail. `losses` counts leases that expired since the task last progressed; the third
    fails the task. `steps_reached` is the maximum of all attempts: only steps beyond it are progress.
    """

    conflict: ClassVar[type[ConflictError]] = ConflictError

    user_id: str
    work: JobStatus = JobStatus.PENDING
    attempt: int = 0
    losses: int = 0
    lease: Lease | None = None
    steps_done: int = 0
    steps_total: int = 1
    steps_reached: int = 0
    note: str | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def progress(self) -> int:
        """Progress in per cent; 100 only once completed."""
        if self.work is JobStatus.COMPLETED:
            return 100
        return min(99, 100 * self.steps_done // max(1, self.steps_total))

    def claim(self, worker: str, lease_seconds: float) -> int:
        """Give the task to a worker and return the attempt number. Raises `conflict` unless pending."""
        self.require(JobStatus.PENDING)
        self.work = JobStatus.PROCESSING
        self.attempt += 1
        self.lease = Lease(worker=worker, seconds=lease_seconds)
        self.steps_done = 0
        self.on_progress()
        return self.attempt

    def renew(self, attempt: int, steps_done: int, steps_total: int, note: str | None) -> None:
        """Renew the lease and save the progress. Raises `LeaseLostError`."""
        self.fence(attempt)
        if steps_done > self.steps_reached:
            self.steps_reached, self.losses = steps_done, 0
        if (steps_done, steps_total, note) != (self.steps_done, self.steps_total, self.note):
            self.steps_done, self.steps_total, self.note = steps_done, steps_total, note
            self.on_progress()

    def fail(self, attempt: int, code: str, message: str) -> None:
        """Fail the task as its current attempt. Raises `LeaseLostError`."""
        self.fence(attempt)
        self.give_up(code, message)

    def hand_back(self, attempt: int) -> None:
        """Release the lease of a worker that shuts down: queue the task again, without a loss. Raises `LeaseLostError`."""
        self.fence(attempt)
        self.queue()

    def expire_lease(self, maximum_losses: int = MAXIMUM_LOSSES) -> None:
        """Expire the lease: queue the task again, or fail it after `maximum_losses` without progress."""
        if self.work is not JobStatus.PROCESSING:
            return
        self.losses += 1
        if self.losses >= maximum_losses:
            self.give_up("WORKER_LOST", f"The work was lost by {self.losses} workers in a row; it may be tried again.")
        else:
            self.queue()

    def begin_anew(self) -> None:
        """Queue the task with its losses and progress reset."""
        self.losses = self.steps_reached = 0
        self.queue()

    def queue(self) -> None:
        """Queue the task for a worker."""
        self.work = JobStatus.PENDING
        self.lease = None
        self.error_code = self.error_message = None
        self.on_queued()

    def give_up(self, code: str, message: str) -> None:
        """Fail the task with an error code and a message."""
        self.end(JobStatus.FAILED)
        self.error_code, self.error_message = code, message
        self.on_failed(code, message)

    def end(self, status: JobStatus) -> None:
        """End the task with a status and release its lease."""
        self.work = status
        self.lease = None

    def fence(self, attempt: int) -> None:
        """Raise `LeaseLostError` unless this attempt holds the lease."""
        if self.work is not JobStatus.PROCESSING or self.attempt != attempt or self.lease is None:
            raise LeaseLostError(self.id)

    def require(self, *statuses: JobStatus) -> None:
        """Raise `conflict` unless the task has one of these statuses."""
        if self.work not in statuses:
            raise self.conflict(f"It is {self.work.value}.", details={"status": self.work.value})

    @abstractmethod
    def on_queued(self) -> None:
        """Record that the task waits for a worker."""

    @abstractmethod
    def on_progress(self) -> None:
        """Record the progress."""

    @abstractmethod
    def on_failed(self, code: str, message: str) -> None:
        """Record that the task failed."""
