"""The synthesis job: its state and transitions."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from echo_common.backoff import Backoff
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import JobStateConflictError
from echo_common.contracts.events.synthesis import (
    AudioCreated,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    JobQueued,
    JobStarted,
)
from echo_common.contracts.values import JobStatus
from echo_common.ids import new_id
from echo_common.work.task import Progress, Task
from echo_synthesis.domain.speech import SpeechSettings

MAXIMUM_REFUSALS = 10
UNFINISHED = (JobStatus.PENDING.value, JobStatus.PROCESSING.value)
"""Stored values of the status of jobs that have not ended."""

_BACKOFF = Backoff(2.0, 60.0, jitter=(1, 1))
_CHARACTERS_A_SECOND = 15.0
SEARCHABLE = 2_000
"""Characters at the beginning of a text that a search covers."""

MAXIMUM_SCRIPT_BYTES = 6 * 1024 * 1024
"""Largest packed script that is stored, because a MongoDB document is limited to 16 MB; texts of 400,000 characters need 2 MB."""


class SegmentReference(BaseModel):
    """A segment of a stored audio. `unchanged` if a job speaks the same script in its place, which must sound different."""

    model_config = ConfigDict(frozen=True)

    audio_id: str
    number: int
    unchanged: bool = False


class Job(Task):
    """A durable synthesis request.

    `refusals` counts how often an engine was unavailable since the job last progressed; no worker claims the job before
    `not_before`.

    `due` orders the queue fairly: it is the time at which the job would start if each user's jobs ran one after the other,
    each for its estimated audio duration. A user with many jobs therefore does not delay other users.

    `text` is empty if a list was read without it; `search` is its beginning, case folded. `config` holds the requested
    options, `settings` the resolved ones, `metadata` the client's own data. `units_total` and `units_done` count segments; `units_done` never decreases, even if
    an attempt starts over. `seconds_left` is the estimate of the last renewal. `script` is the packed script of the text,
    until the job is completed; without it, or if it does not suit the engine, the text is planned again.

    `replaces` is the segment that the job replaces with the speech of its text; its `audio_id` and `duration` are then the
    audio's id and the duration of the segment.
    """

    status_field = "status"
    noun = "job"
    conflict = JobStateConflictError

    synthesis_id: str
    text: str = ""
    text_id: str | None = None
    text_hash: str
    text_length: int = 0
    search: str = ""
    word_count: int
    config: Mapping[str, Any] = {}
    metadata: Mapping[str, str | bool | int | float | None] = {}
    settings: SpeechSettings
    script: bytes | None = None
    status: JobStatus = JobStatus.PENDING
    units_total: int
    units_done: int = 0
    seconds_left: float | None = None
    refusals: int = 0
    due: datetime = Field(default_factory=now)
    not_before: datetime | None = None
    replaces: SegmentReference | None = None
    audio_id: str | None = None
    duration: float | None = None
    idempotency_key: str | None = None
    counted_in: str | None = None
    """Id of the quota counter that counts the job."""
    counted_characters: int = 0
    counted_bytes: int = 0
    """Estimated size of the audio, which counts as stored while the job has not ended."""

    @classmethod
    def queue(
        cls,
        user_id: str,
        text: str,
        settings: SpeechSettings,
        *,
        word_count: int,
        units_total: int,
        script: bytes | None = None,
        config: Mapping[str, Any] | None = None,
        text_id: str | None = None,
        metadata: Mapping[str, str | bool | int | float | None] | None = None,
        replaces: SegmentReference | None = None,
        idempotency_key: str | None = None,
    ) -> "Job":
        """Create a pending job."""
        job = cls(
            id=new_id("job"),
            user_id=user_id,
            synthesis_id=new_id("syn"),
            text_id=text_id,
            metadata=metadata or {},
            text_hash="",
            word_count=0,
            settings=settings,
            units_total=0,
            replaces=replaces,
            idempotency_key=idempotency_key,
        )
        job.revise(text, settings, word_count=word_count, units_total=units_total, script=script, config=config or {})
        job.record(JobQueued(job_id=job.id, user_id=user_id))
        return job

    def count_in(self, counter_id: str, stored_bytes: int) -> None:
        """Note the quota counter that counts the job, and the estimated size of its audio."""
        self.counted_in, self.counted_characters, self.counted_bytes = counter_id, self.text_length, stored_bytes

    def queue_behind(self, other: "Job") -> None:
        """Schedule the job after the same user's last pending one."""
        self.due = max(self.due, other.due + timedelta(seconds=other.estimated_seconds))

    def release_key(self) -> None:
        """Clear the idempotency key once it has expired."""
        self.idempotency_key = None

    @property
    def estimated_seconds(self) -> float:
        """Estimated audio duration in seconds, from the length of the text."""
        return round(self.text_length / _CHARACTERS_A_SECOND / self.settings.speed, 1)

    def revise(
        self,
        text: str,
        settings: SpeechSettings,
        *,
        word_count: int,
        units_total: int,
        config: Mapping[str, Any],
        script: bytes | None = None,
    ) -> None:
        """Replace the text and the settings. Raises `JobStateConflictError` unless pending."""
        self.require_pending()
        if text != self.text:
            self.text = text
            self.text_hash = hashlib.sha256(text.encode()).hexdigest()
            self.text_length = len(text)
            self.search = text[:SEARCHABLE].casefold()
            if self.counted_in is not None:
                self.counted_characters = self.text_length
        self.word_count = word_count
        self.units_done, self.units_total = 0, units_total
        self.settings = settings
        self.script = script if script is None or len(script) <= MAXIMUM_SCRIPT_BYTES else None
        self.config = config

    @property
    def progress(self) -> int:
        """Progress in percent; 100 only once completed."""
        return self.percent(self.units_done, self.units_total)

    @property
    def audio_key(self) -> str:
        """Identifier of its audio, the same for every attempt."""
        return "aud_" + self.id.removeprefix("job_")

    @staticmethod
    def id_of_audio(audio_id: str) -> str:
        """Return the id of the job whose `audio_key` is `audio_id`, if a job generates it."""
        return "job_" + audio_id.removeprefix("aud_")

    def complete(self, attempt: int, audio_id: str, duration: float, creation: AudioCreated | None = None) -> None:
        """Complete the job with its stored audio and the event of its creation; idempotent.

        Raises `LeaseLostError`; the audio then belongs to no job.
        """
        if self.status is JobStatus.COMPLETED and self.attempt == attempt:
            return  # the database applied a write whose reply was lost
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.units_done = self.units_total
        self.script = None
        self.audio_id = audio_id
        self.duration = duration
        self.record(JobCompleted(job_id=self.id, user_id=self.user_id, audio_id=audio_id, duration=duration))
        if creation is not None:
            self.record(creation)

    def defer(self, attempt: int, moment: datetime, seconds: float | None, code: str, message: str) -> None:
        """Queue the job again until its engine is available: for `seconds`, or an exponential backoff if longer.

        Fails the job after `MAXIMUM_REFUSALS`, or if `seconds` is None: the outage is permanent. Raises `LeaseLostError`.
        """
        self.require_lease(attempt)
        self.refusals += 1
        if seconds is None or self.refusals >= MAXIMUM_REFUSALS:
            self.mark_failed(code, message)
            return
        self.requeue()
        self.not_before = moment + timedelta(seconds=max(seconds, _BACKOFF.delay(self.refusals)))
        self.error_message = message

    @property
    def earliest_start(self) -> datetime | None:
        """The time at which the engine is expected to be available; None if it was not refused."""
        return self.not_before

    def correct(self, *, progress: int | None = None, duration: float | None = None, error_message: str | None = None) -> None:
        """Overwrite fields that workers report, for an administrator.

        Raises `JobStateConflictError` for `progress` of a job that is not processing.
        """
        if progress is not None:
            self.require_status(JobStatus.PROCESSING)
            self.units_done = self.units_total * progress // 100
        self.duration = self.duration if duration is None else duration
        self.error_message = self.error_message if error_message is None else error_message

    def require_pending(self) -> None:
        """Raise `JobStateConflictError` unless the job is pending."""
        self.require_status(JobStatus.PENDING)

    def fail_by_administrator(self, message: str) -> None:
        """Fail the job for an administrator. Raises `JobStateConflictError` once it has ended."""
        self.require_status(JobStatus.PENDING, JobStatus.PROCESSING)
        self.mark_failed("ABANDONED", message)

    def retry(self) -> None:
        """Queue a failed or cancelled job again, from the start. Raises `JobStateConflictError` in any other state."""
        self.require_status(JobStatus.FAILED, JobStatus.CANCELLED)
        self.refusals = self.units_done = 0
        self.restart()

    def delete(self) -> None:
        """Delete the job. Raises `JobStateConflictError` while it is processing."""
        if self.status is JobStatus.PROCESSING:
            raise JobStateConflictError("The job is being processed: cancel it first.", details={"status": self.status.value})
        if not self.status.terminal:
            self.record(JobCancelled(job_id=self.id, user_id=self.user_id))
        self.erase()

    def erase_with_owner(self) -> None:
        """Delete the job in any state, because its user was deleted; a running attempt loses its lease."""
        if not self.status.terminal:
            self.cancel()
        self.erase()

    def end(self, status: JobStatus) -> None:
        """End the current attempt, if any: set the status, remove the lease and the estimate."""
        super().end(status)
        self.seconds_left = None

    def on_queued(self) -> None:
        """Record that the job is queued."""
        self.record(JobQueued(job_id=self.id, user_id=self.user_id, restarts=self.restarts, again=True))

    def on_claimed(self) -> None:
        """Record that an attempt starts."""
        self.not_before = self.error_message = None
        self.record(JobStarted(job_id=self.id, user_id=self.user_id, attempt=self.attempt))

    def on_progress(self, progress: Progress) -> bool:
        """Save the progress in the job's own segments, which may differ from the engine's."""
        self.seconds_left = progress.seconds_left
        units = progress.done * self.units_total // progress.total
        if units <= self.units_done:
            return False
        self.units_done, self.refusals = units, 0
        self.record(JobProgressed(job_id=self.id, user_id=self.user_id, units_done=units, units_total=self.units_total))
        return True

    def on_failed(self, code: str, message: str) -> None:
        """Record that the job failed."""
        self.record(JobFailed(job_id=self.id, user_id=self.user_id, code=code, message=message))

    def on_cancelled(self) -> None:
        """Record that the job was cancelled."""
        self.record(JobCancelled(job_id=self.id, user_id=self.user_id))
