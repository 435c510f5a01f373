"""Base class of imports from Spotify and exports to it: tasks that wait while Spotify limits requests."""

from datetime import datetime, timedelta
from typing import Final

from echo_common.contracts.values import JobStatus
from echo_common.work.task import Progress, Task

MAXIMUM_DEFERRALS: Final = 50
"""Deferrals in a row after which a transfer fails."""


class SpotifyTransfer(Task):
    """A task that continues at the page it had reached."""

    status_field = "status"

    status: JobStatus = JobStatus.PENDING
    start_at: datetime | None = None
    deferrals: int = 0

    @property
    def earliest_start(self) -> datetime | None:
        """The time until which Spotify refuses requests, if it does."""
        return self.start_at

    def complete(self, attempt: int) -> None:
        """Complete the transfer. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)

    def defer(self, attempt: int, moment: datetime, seconds: float | None, code: str, message: str) -> None:
        """Queue the transfer again, not before Spotify permits requests; fail it after many deferrals in a row."""
        self.require_lease(attempt)
        self.deferrals += 1
        if self.deferrals > MAXIMUM_DEFERRALS:
            self.mark_failed(code, message)
            return
        self.start_at = None if seconds is None else moment + timedelta(seconds=seconds)
        self.release(attempt)

    def record_step(self, attempt: int) -> None:
        """Record that the transfer got further. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.losses = self.deferrals = 0

    def on_queued(self) -> None:
        """Record nothing: the transfer continues at the page it had reached."""

    def on_claimed(self) -> None:
        """Record nothing."""

    def on_progress(self, progress: Progress) -> bool:
        """Return False: `record_step` saves the progress."""
        return False

    def on_failed(self, code: str, message: str) -> None:
        """Record nothing: the error is in the transfer."""

    def on_cancelled(self) -> None:
        """Record nothing: transfers are not cancelled."""
