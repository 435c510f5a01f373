"""A piece of synthesis work: what it is and how it may change."""

import hashlib
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.synthesis import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    JobQueued,
    JobStarted,
)
from echo_common.contracts.values import JobStatus
from echo_common.errors import ConflictError, NotFoundError
from echo_common.ids import new_id
from echo_synthesis.domain.speech import SpeechSettings

MAXIMUM_LOSSES = 3


class JobNotFoundError(NotFoundError):
    """There is no such job."""

    code = "JOB_NOT_FOUND"


class JobStateConflictError(ConflictError):
    """The job's status does not allow that."""

    code = "JOB_STATE_CONFLICT"


class LeaseLostError(Exception):
    """The job is not this worker's any more: cancelled, or lost to another attempt."""


class Lease(BaseModel):
    """A worker's right to a job until a moment."""

    model_config = ConfigDict(frozen=True)

    worker: str
    until: datetime


class Job(Aggregate):
    """One piece of synthesis work.

    pending → processing → completed, failed or cancelled. `attempt` rises with every claim and fences results: only the
    latest attempt may renew, complete or fail. `losses` counts workers that vanished; the third fails the job.
    """

    user_id: str
    synthesis_id: str
    text: str
    text_hash: str
    word_count: int
    settings: SpeechSettings
    status: JobStatus = JobStatus.PENDING
    units_total: int
    units_done: int = 0
    attempt: int = 0
    losses: int = 0
    lease: Lease | None = None
    audio_id: str | None = None
    duration: float | None = None
    error_code: str | None = None
    error_message: str | None = None
    idempotency_key: str | None = None

    @classmethod
    def queue(
        cls,
        user_id: str,
        text: str,
        settings: SpeechSettings,
        *,
        word_count: int,
        units_total: int,
        idempotency_key: str | None,
    ) -> "Job":
        """A new job, waiting for a worker."""
        job = cls(
            id=new_id("job"),
            user_id=user_id,
            synthesis_id=new_id("syn"),
            text=text,
            text_hash=hashlib.sha256(text.encode()).hexdigest(),
            word_count=word_count,
            settings=settings,
            units_total=units_total,
            idempotency_key=idempotency_key,
        )
        job.record(JobQueued(job_id=job.id, user_id=user_id))
        return job

    @property
    def progress(self) -> int:
        """0 to 100; 100 only once completed."""
        if self.status is JobStatus.COMPLETED:
            return 100
        return min(99, 100 * self.units_done // max(1, self.units_total))

    @property
    def audio_key(self) -> str:
        """The identifier its audio has, whichever attempt makes it."""
        return "aud_" + self.id.removeprefix("job_")

    def claim(self, worker: str, until: datetime) -> int:
        """Give the job to a worker; the number of the attempt. Raises `JobStateConflictError` unless pending."""
        self._require(JobStatus.PENDING)
        self.status = JobStatus.PROCESSING
        self.attempt += 1
        self.lease = Lease(worker=worker, until=until)
        self.record(JobStarted(job_id=self.id, user_id=self.user_id, attempt=self.attempt))
        return self.attempt

    def renew(self, attempt: int, until: datetime, units_done: int) -> None:
        """The worker lives: lease and progress go up. Raises `LeaseLostError`."""
        lease = self._fence(attempt)
        self.lease = Lease(worker=lease.worker, until=until)
        if units_done != self.units_done:
            self.units_done = units_done
            self.record(
                JobProgressed(job_id=self.id, user_id=self.user_id, units_done=units_done, units_total=self.units_total)
            )

    def complete(self, attempt: int, audio_id: str, duration: float) -> None:
        """The audio is stored. Raises `LeaseLostError`: then that audio is nobody's."""
        self._fence(attempt)
        self.status = JobStatus.COMPLETED
        self.units_done = self.units_total
        self.audio_id = audio_id
        self.duration = duration
        self.lease = None
        self.record(JobCompleted(job_id=self.id, user_id=self.user_id, audio_id=audio_id, duration=duration))

    def fail(self, attempt: int, code: str, message: str) -> None:
        """Give up. Raises `LeaseLostError`."""
        self._fence(attempt)
        self._give_up(code, message)

    def hand_back(self, attempt: int) -> None:
        """The worker stops in an orderly way: back into the queue, no loss counted. Raises `LeaseLostError`."""
        self._fence(attempt)
        self._requeue()

    def lose(self, moment: datetime) -> None:
        """The lease has run out: back into the queue, or failed at the third loss. No change while the lease holds."""
        if self.status is not JobStatus.PROCESSING or self.lease is None or self.lease.until > moment:
            return
        self.losses += 1
        if self.losses >= MAXIMUM_LOSSES:
            self._give_up("WORKER_LOST", f"The job was lost by {self.losses} workers in a row; it may be retried.")
        else:
            self._requeue()

    def cancel(self) -> None:
        """Stop wanting it. Again is no error; raises `JobStateConflictError` once completed or failed."""
        if self.status is JobStatus.CANCELLED:
            return
        self._require(JobStatus.PENDING, JobStatus.PROCESSING)
        self.status = JobStatus.CANCELLED
        self.lease = None
        self.record(JobCancelled(job_id=self.id, user_id=self.user_id))

    def delete(self) -> None:
        """Forget the job. Raises `JobStateConflictError` while a worker is at it."""
        if self.status is JobStatus.PROCESSING:
            raise JobStateConflictError("The job is being processed: cancel it first.")
        if not self.status.terminal:
            self.record(JobCancelled(job_id=self.id, user_id=self.user_id))
        self.erase()

    def _fence(self, attempt: int) -> Lease:
        if self.status is not JobStatus.PROCESSING or self.attempt != attempt or self.lease is None:
            raise LeaseLostError(self.id)
        return self.lease

    def _requeue(self) -> None:
        self.status = JobStatus.PENDING
        self.lease = None
        self.record(JobQueued(job_id=self.id, user_id=self.user_id))

    def _give_up(self, code: str, message: str) -> None:
        self.status = JobStatus.FAILED
        self.lease = None
        self.error_code = code
        self.error_message = message
        self.record(JobFailed(job_id=self.id, user_id=self.user_id, code=code, message=message))

    def _require(self, *statuses: JobStatus) -> None:
        if self.status not in statuses:
            raise JobStateConflictError(f"The job is {self.status.value}.", details={"status": self.status.value})


def lease_until(moment: datetime, seconds: float) -> datetime:
    """The end of a lease given at `moment`."""
    return moment + timedelta(seconds=seconds)
