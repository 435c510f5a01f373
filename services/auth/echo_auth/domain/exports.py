"""Exports: archives of everything that the platform stores for a user, made in the background."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.clock import now
from echo_common.contracts.errors.exports import ExportStateConflictError
from echo_common.contracts.events.auth import ExportRequested
from echo_common.contracts.values import JobStatus
from echo_common.ids import new_id
from echo_common.work.task import Progress, Task

EXPORT_PREFIX: Final = "exports/"
"""Prefix of the keys of archives in object storage; the user's id and the export's id follow."""

_FAILED_KEPT: Final = timedelta(days=7)
_LONGEST_WAIT: Final = timedelta(days=1)
"""Time after which an export fails whose services or storage were not reachable."""


class ExportArchive(BaseModel):
    """An archive in object storage.

    `missing` is the number of objects that were deleted or replaced while the archive was made.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    size: int
    checksum: str
    files: int
    missing: int
    services: tuple[str, ...] = ()
    omitted_services: tuple[str, ...] = ()


class Export(Task):
    """An export of a user's data.

    `bytes_done` and `bytes_total` count the bytes of objects; `bytes_reached` is the maximum of `bytes_done` in all attempts.
    `active_for` is the user's id until the export has ended: a unique index permits one for each user.
    """

    status_field = "status"
    noun = "export"
    conflict = ExportStateConflictError

    status: JobStatus = JobStatus.PENDING
    active_for: str | None = None
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_reached: int = 0
    archive: ExportArchive | None = None
    expires_at: datetime | None = None

    @classmethod
    def request(cls, user_id: str) -> "Export":
        """Create a pending export."""
        export = cls(id=new_id("exp"), user_id=user_id, active_for=user_id)
        export.record(ExportRequested(user_id=user_id, export_id=export.id))
        return export

    @property
    def progress(self) -> int:
        """Progress in per cent; 100 only once completed."""
        return self.percent(self.bytes_done, self.bytes_total)

    @property
    def folder(self) -> str:
        """Prefix of the object keys of all attempts."""
        return f"{EXPORT_PREFIX}{self.user_id}/{self.id}/"

    def completed_archive(self) -> ExportArchive:
        """Return the archive. Raises `ExportStateConflictError` unless completed."""
        self.require_status(JobStatus.COMPLETED)
        assert self.archive is not None  # noqa: S101 - a completed export has one
        return self.archive

    def complete(self, attempt: int, archive: ExportArchive, expires_at: datetime) -> None:
        """Complete the export. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.archive, self.expires_at = archive, expires_at
        self.bytes_done = self.bytes_total

    def defer(self, attempt: int, moment: datetime, seconds: float | None, code: str, message: str) -> None:
        """Queue the export again, or fail it when a service was not reachable for a day. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        if moment - self.created_at < _LONGEST_WAIT:
            self.requeue()
        else:
            self.mark_failed(code, message)

    def end(self, status: JobStatus) -> None:
        """End the current attempt, and let the user request another export unless this one is queued again."""
        super().end(status)
        self.active_for = self.user_id if status is JobStatus.PENDING else None

    def on_queued(self) -> None:
        """Reset the progress: the next attempt starts over."""
        self.bytes_done = 0

    def on_claimed(self) -> None:
        """Record that an attempt starts."""
        self.bytes_done = 0

    def on_progress(self, progress: Progress) -> bool:
        """Save the progress; return whether it exceeds that of all attempts before."""
        further = progress.done > self.bytes_reached
        self.bytes_reached = max(self.bytes_reached, progress.done)
        self.bytes_done, self.bytes_total = progress.done, progress.total
        return further

    def on_failed(self, code: str, message: str) -> None:
        """Record for how long the reason is kept."""
        self.expires_at = now() + _FAILED_KEPT

    def on_cancelled(self) -> None:
        """Do nothing: an export is deleted, not cancelled."""
