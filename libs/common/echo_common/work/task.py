"""State of a task: queued in the database, claimed under a lease, with the attempt number as fencing token."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from echo_common.aggregate import Aggregate
from echo_common.contracts.values import JobStatus
from echo_common.errors import ConflictError
from echo_common.work.lease import Lease, LeaseLostError

MAXIMUM_LOSSES = 3

MAXIMUM_CRASHES = 10
"""Losses that fail a task after crashes of the whole platform, which say little about a single task."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an attempt: steps done, steps in total, a note on the current step and the estimated seconds left."""

    done: int = 0
    total: int = 1
    note: str | None = None
    seconds_left: float | None = None


class Task(Aggregate):
    """Base class of aggregates that a worker works on. Pure: no I/O.

    pending → processing → completed, failed or cancelled. `attempt` rises with every claim and is the fencing token: only the
    latest attempt may renew, complete, defer, release or fail. `losses` counts leases that expired since the task last
    progressed; the third fails the task, or the tenth if the whole platform crashed each time. `restarts` counts how often it was
    queued again after its end, which no worker does.

    A subclass declares the field that holds its `JobStatus`, and records events in the `on_…` methods.
    """

    status_field: ClassVar[str]
    """Name of the field that holds the `JobStatus`."""

    noun: ClassVar[str] = "task"
    """Word for the task in messages to users."""

    conflict: ClassVar[type[ConflictError]] = ConflictError
    """Error of a transition that the status does not allow."""

    user_id: str
    attempt: int = 0
    losses: int = 0
    restarts: int = 0
    lease: Lease | None = None
    queued_at: datetime | None = None
    """Time at which the task last became pending, or its later `earliest_start`; the repository sets it."""

    traceparent: str | None = None
    """Trace context of the request that queued the task; the repository sets it."""

    error_code: str | None = None
    error_message: str | None = None

    @property
    def work_status(self) -> JobStatus:
        """The status of the work."""
        status: JobStatus = getattr(self, self.status_field)
        return status

    @property
    def earliest_start(self) -> datetime | None:
        """The time before which the task should not be claimed; None unless a subclass has one."""
        return None

    def claim(self, worker: str, lease_seconds: float) -> int:
        """Lease the task to a worker and return the attempt number. Raises `conflict` unless pending."""
        self.require_status(JobStatus.PENDING)
        setattr(self, self.status_field, JobStatus.PROCESSING)
        self.attempt += 1
        self.lease = Lease(worker=worker, seconds=lease_seconds)
        self.on_claimed()
        return self.attempt

    def renew(self, attempt: int, progress: Progress) -> None:
        """Renew the lease and save the progress. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        if self.on_progress(progress):
            self.losses = 0

    def fail(self, attempt: int, code: str, message: str) -> None:
        """Fail the task. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.mark_failed(code, message)

    def release(self, attempt: int) -> None:
        """Queue the task again, without a loss: its worker stops, or an outage occurred. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.requeue()

    def defer(self, attempt: int, moment: datetime, seconds: float | None, code: str, message: str) -> None:
        """Queue the task again until its requirements are available.

        Args:
            attempt: The fencing token.
            moment: The present time.
            seconds: Seconds for which the task should not be claimed; None if waiting does not help.
            code: Code of the error that made the attempt stop.
            message: Message of that error.

        Raises:
            LeaseLostError: This attempt no longer holds the lease.
        """
        self.release(attempt)

    def expire_lease(self, maximum_losses: int = MAXIMUM_LOSSES) -> None:
        """Expire the lease: queue the task again, or fail it after `maximum_losses` without progress."""
        if self.work_status is not JobStatus.PROCESSING:
            return
        self.losses += 1
        if self.losses >= maximum_losses:
            self.mark_failed("WORKER_LOST", f"The {self.noun} was lost by {self.losses} workers in a row; it may be retried.")
        else:
            self.requeue()

    def cancel(self) -> None:
        """Cancel the task; idempotent. Raises `conflict` once it has completed or failed."""
        if self.work_status is JobStatus.CANCELLED:
            return
        self.require_status(JobStatus.PENDING, JobStatus.PROCESSING)
        self.end(JobStatus.CANCELLED)
        self.on_cancelled()

    def restart(self) -> None:
        """Queue an ended task again, without its losses. Callers check the status before."""
        self.losses = 0
        self.restarts += 1
        self.requeue()

    def requeue(self) -> None:
        """Queue the task for a worker."""
        self.end(JobStatus.PENDING)
        self.error_code = self.error_message = None
        self.on_queued()

    def mark_failed(self, code: str, message: str) -> None:
        """Fail the task with an error code and a message, regardless of its lease."""
        self.end(JobStatus.FAILED)
        self.error_code, self.error_message = code, message
        self.on_failed(code, message)

    def end(self, status: JobStatus) -> None:
        """End the current attempt, if any: set the status and remove the lease."""
        setattr(self, self.status_field, status)
        self.lease = None

    def require_lease(self, attempt: int) -> None:
        """Raise `LeaseLostError` unless this attempt holds the lease."""
        if self.work_status is not JobStatus.PROCESSING or self.attempt != attempt or self.lease is None:
            raise LeaseLostError(self.id)

    def require_status(self, *statuses: JobStatus) -> None:
        """Raise `conflict` unless the task has one of these statuses."""
        status = self.work_status.value
        if self.work_status not in statuses:
            raise self.conflict(f"The {self.noun} is {status}.", details={"status": status})

    def percent(self, done: int, total: int) -> int:
        """Return the progress in per cent; 100 only once completed."""
        return 100 if self.work_status is JobStatus.COMPLETED else min(99, 100 * done // max(1, total))

    @abstractmethod
    def on_queued(self) -> None:
        """Record that the task is queued."""

    @abstractmethod
    def on_claimed(self) -> None:
        """Record that an attempt starts."""

    @abstractmethod
    def on_progress(self, progress: Progress) -> bool:
        """Save the progress; return whether the task got further than in all attempts before."""

    @abstractmethod
    def on_failed(self, code: str, message: str) -> None:
        """Record that the task failed."""

    @abstractmethod
    def on_cancelled(self) -> None:
        """Record that the task was cancelled."""
