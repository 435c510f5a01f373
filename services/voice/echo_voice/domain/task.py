"""Tasks of the voice service: samples to process and voice models to train."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import JobNotFoundError, JobStateConflictError
from echo_common.contracts.values import JobStatus, JobType
from echo_common.ids import new_id
from echo_common.work.task import Progress, Task

_RETRYABLE = {JobStatus.FAILED, JobStatus.CANCELLED}
_HISTORY_LENGTH = 100


class TaskRecord(BaseModel):
    """The state of a task under its job id; the history of a sample or a voice model has those of earlier ones."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    status: JobStatus
    started_at: datetime
    ended_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None


class VoiceTask(Task):
    """An aggregate with work for a worker.

    `job_id` is the public id of its current task; a new task has another one, and the ended one joins the history, which keeps
    the last 100: an aggregate is one document, whose size is limited.
    `steps_reached` is the maximum of `steps_done` in all attempts: only steps beyond it are progress.
    """

    status_field = "work"

    job_type: ClassVar[JobType]
    job_prefix: ClassVar[str]

    work: JobStatus = JobStatus.PENDING
    job_id: str
    job_deleted: bool = False
    started_at: datetime | None = None
    history: Sequence[TaskRecord] = ()
    steps_done: int = 0
    steps_total: int = 1
    steps_reached: int = 0
    note: str | None = None

    @property
    def progress(self) -> int:
        """Progress in per cent; 100 only once completed."""
        return self.percent(self.steps_done, self.steps_total)

    @property
    def current(self) -> TaskRecord:
        """The current task."""
        return TaskRecord(
            job_id=self.job_id,
            status=self.work,
            started_at=self.started_at or self.created_at,
            ended_at=self.updated_at if self.work.terminal else None,
            error_code=self.error_code,
            error_message=self.error_message,
        )

    @property
    def tasks(self) -> Sequence[TaskRecord]:
        """All tasks that are not deleted, oldest first."""
        return [*self.history, *([] if self.job_deleted else [self.current])]

    def task(self, job_id: str) -> TaskRecord:
        """Return the task with this job id. Raises `JobNotFoundError`."""
        found = next((task for task in self.tasks if task.job_id == job_id), None)
        if found is None:
            raise JobNotFoundError
        return found

    def cancel_task(self, job_id: str) -> None:
        """Cancel a task; idempotent. Raises `JobNotFoundError`, `JobStateConflictError` once it has completed or failed."""
        status = self.task(job_id).status
        if status in {JobStatus.COMPLETED, JobStatus.FAILED}:
            raise _conflict(status)
        if status is not JobStatus.CANCELLED:
            self.cancel()

    def retry_task(self, job_id: str) -> None:
        """Queue the current task again. Raises `JobNotFoundError`, `JobStateConflictError` unless it failed or was cancelled."""
        status = self.task(job_id).status
        if job_id != self.job_id or status not in _RETRYABLE:
            raise _conflict(status)
        self.restart()

    def delete_task(self, job_id: str) -> None:
        """Delete a task, and cancel it if it is pending; the sample or the voice model stays.

        Raises `JobNotFoundError`, `JobStateConflictError` while it is processing.
        """
        status = self.task(job_id).status
        if status is JobStatus.PROCESSING:
            raise JobStateConflictError("The job is being processed: cancel it first.", details={"status": status.value})
        if status is JobStatus.PENDING:
            self.cancel()
        if job_id == self.job_id:
            self.job_deleted = True
        else:
            self.history = [task for task in self.history if task.job_id != job_id]

    def start_task(self) -> None:
        """Queue a new task after an ended one. Callers check the status before."""
        self.history = self.tasks[-_HISTORY_LENGTH:]
        self.job_id, self.job_deleted, self.started_at = new_id(self.job_prefix), False, now()
        self.restart()

    def restart(self) -> None:
        """Queue an ended task again, without its losses and progress."""
        self.steps_reached = 0
        super().restart()

    def on_claimed(self) -> None:
        """Record that an attempt starts at the first step."""
        self.steps_done = 0
        self.on_step()

    def on_progress(self, progress: Progress) -> bool:
        """Save the steps and the note; return whether the steps exceed those of all attempts before."""
        further = progress.done > self.steps_reached
        self.steps_reached = max(self.steps_reached, progress.done)
        steps = (progress.done, progress.total, progress.note)
        if steps != (self.steps_done, self.steps_total, self.note):
            self.steps_done, self.steps_total, self.note = steps
            self.on_step()
        return further

    @abstractmethod
    def on_step(self) -> None:
        """Record the step that the attempt is at."""


def _conflict(status: JobStatus) -> JobStateConflictError:
    return JobStateConflictError(f"The job is {status.value}.", details={"status": status.value})
