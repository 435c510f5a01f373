"""Work that a worker does in the background: waiting in the database, claimed under a lease, fenced by its attempt."""

from abc import abstractmethod
from typing import ClassVar

from echo_common.aggregate import Aggregate
from echo_common.contracts.values import JobStatus
from echo_common.errors import ConflictError
from echo_common.leases import Lease

MAXIMUM_LOSSES = 3

MAXIMUM_CRASHES = 10
"""Losses that fail work where everything ended at once: a crash of the whole platform says little about each piece of it."""


class LeaseLostError(Exception):
    """The work is not this worker's any more: cancelled, or lost to another attempt."""


class Task(Aggregate):
    """An aggregate that waits for a worker's work: a sample to be processed, a voice model to be trained.

    pending → processing → completed, failed or cancelled. `attempt` rises with every claim and fences results: only the
    latest attempt may renew, complete or fail. `losses` counts leases that expired since the work last progressed; the third
    fails the work. `steps_reached` is the furthest that any attempt has come: only steps beyond it are progress.
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
        """0 to 100; 100 only once completed."""
        if self.work is JobStatus.COMPLETED:
            return 100
        return min(99, 100 * self.steps_done // max(1, self.steps_total))

    def claim(self, worker: str, lease_seconds: float) -> int:
        """Give the work to a worker and return the number of the attempt. Raises `conflict` unless pending."""
        self.require(JobStatus.PENDING)
        self.work = JobStatus.PROCESSING
        self.attempt += 1
        self.lease = Lease(worker=worker, seconds=lease_seconds)
        self.steps_done = 0
        self.on_progress()
        return self.attempt

    def renew(self, attempt: int, steps_done: int, steps_total: int, note: str | None) -> None:
        """Renew the lease and record the progress. Raises `LeaseLostError`."""
        self.fence(attempt)
        if steps_done > self.steps_reached:
            self.steps_reached, self.losses = steps_done, 0
        if (steps_done, steps_total, note) != (self.steps_done, self.steps_total, self.note):
            self.steps_done, self.steps_total, self.note = steps_done, steps_total, note
            self.on_progress()

    def fail(self, attempt: int, code: str, message: str) -> None:
        """Give up. Raises `LeaseLostError`."""
        self.fence(attempt)
        self.give_up(code, message)

    def hand_back(self, attempt: int) -> None:
        """The worker stops in an orderly way: back into the queue, no loss counted. Raises `LeaseLostError`."""
        self.fence(attempt)
        self.queue()

    def expire_lease(self, maximum_losses: int = MAXIMUM_LOSSES) -> None:
        """Take the work from a worker that is gone: back into the queue, or failed after `maximum_losses` without progress."""
        if self.work is not JobStatus.PROCESSING:
            return
        self.losses += 1
        if self.losses >= maximum_losses:
            self.give_up("WORKER_LOST", f"The work was lost by {self.losses} workers in a row; it may be tried again.")
        else:
            self.queue()

    def begin_anew(self) -> None:
        """Wait for a worker with nothing counted: no losses, no progress."""
        self.losses = self.steps_reached = 0
        self.queue()

    def queue(self) -> None:
        """Wait for a worker."""
        self.work = JobStatus.PENDING
        self.lease = None
        self.error_code = self.error_message = None
        self.on_queued()

    def give_up(self, code: str, message: str) -> None:
        """Fail the work, with a reason."""
        self.end(JobStatus.FAILED)
        self.error_code, self.error_message = code, message
        self.on_failed(code, message)

    def end(self, status: JobStatus) -> None:
        """End the work with a status and release its lease."""
        self.work = status
        self.lease = None

    def fence(self, attempt: int) -> None:
        """Raise `LeaseLostError` unless this attempt holds the lease."""
        if self.work is not JobStatus.PROCESSING or self.attempt != attempt or self.lease is None:
            raise LeaseLostError(self.id)

    def require(self, *statuses: JobStatus) -> None:
        """Raise `conflict` unless the work has one of these statuses."""
        if self.work not in statuses:
            raise self.conflict(f"It is {self.work.value}.", details={"status": self.work.value})

    @abstractmethod
    def on_queued(self) -> None:
        """Record that a worker is wanted."""

    @abstractmethod
    def on_progress(self) -> None:
        """Record how far it is."""

    @abstractmethod
    def on_failed(self, code: str, message: str) -> None:
        """Record that it is given up."""
