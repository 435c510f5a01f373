"""Samples: recordings of a speaker, with their measures."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.errors.voice import SampleStateConflictError
from echo_common.contracts.events.voice import SampleCancelled, SampleProcessed, SampleRejected, SampleUploaded
from echo_common.contracts.http.voice import SampleStatus
from echo_common.contracts.values import JobStatus, JobType
from echo_common.ids import new_id
from echo_voice.domain.task import VoiceTask
from echo_voice.domain.values import Measures, Verdict


class StoredFile(BaseModel):
    """A reference to a stored object."""

    model_config = ConfigDict(frozen=True)

    key: str
    mime: str
    size: int
    checksum: str


class Sample(VoiceTask):
    """A sample: the uploaded original, the processed audio (mono, 24 kHz, FLAC) and the measures."""

    noun = "processing"
    conflict = SampleStateConflictError
    job_type = JobType.SAMPLE_PROCESSING
    job_prefix = "job_sample"

    name: str
    description: str | None = None
    language: str | None = None
    original: StoredFile
    processed: StoredFile | None = None
    quality: Measures | None = None
    verdicts: Sequence[Verdict] = ()
    transcript: str | None = None
    embedding: str | None = None
    duplicate_of: str | None = None
    status: SampleStatus = SampleStatus.UPLOADED

    @classmethod
    def upload(
        cls, sample_id: str, user_id: str, original: StoredFile, *, name: str, description: str | None, language: str | None
    ) -> "Sample":
        """Create a sample that waits for processing."""
        sample = cls(
            id=sample_id,
            user_id=user_id,
            name=name,
            description=description,
            language=language,
            job_id=new_id(cls.job_prefix),
            original=original,
        )
        sample.record(SampleUploaded(sample_id=sample_id, user_id=user_id))
        return sample

    @property
    def awaits_request(self) -> bool:
        """True if the sample has no measures because its processing was cancelled; it must be requested again."""
        return self.status is SampleStatus.UPLOADED and self.work is JobStatus.CANCELLED

    def audio(self, variant: Literal["original", "processed"]) -> StoredFile:
        """Return the original or the processed audio. Raises `SampleStateConflictError` without processed audio."""
        if variant == "original":
            return self.original
        if self.processed is None:
            reason = f"The sample is {self.status.value} and has no processed audio"
            rejected = self.status is SampleStatus.REJECTED
            remedy = self.error_message if rejected else "Wait until it is ready."
            raise SampleStateConflictError(f"{reason}. {remedy}", details={"status": self.status.value})
        return self.processed

    def process_again(self) -> None:
        """Queue the sample for processing again. Raises `SampleStateConflictError` if it is queued or being processed."""
        self.require_status(JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
        self.start_task()

    def accept(
        self,
        attempt: int,
        processed: StoredFile,
        quality: Measures,
        verdicts: Sequence[Verdict],
        *,
        transcript: str | None,
        embedding: str | None,
        duplicate_of: str | None,
    ) -> None:
        """Save the measures and make the sample ready, or rejected if a verdict rejects it. Raises `LeaseLostError`."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.steps_done = self.steps_total
        self.processed, self.quality, self.verdicts = processed, quality, verdicts
        self.transcript, self.embedding, self.duplicate_of = transcript, embedding, duplicate_of
        self.language = self.language or quality.language
        if self._apply_verdicts():
            self.record(SampleProcessed(sample_id=self.id, user_id=self.user_id, job_id=self.job_id, duration=quality.duration))
        else:
            self._record_rejection()

    def delete(self) -> None:
        """Delete the sample; remove its objects once this is saved."""
        self.erase()

    def erase_with_owner(self) -> None:
        """Delete the sample in any state, because its user was deleted; a running attempt loses its lease."""
        if not self.work.terminal:
            self.cancel()
        self.erase()

    def on_queued(self) -> None:
        """Record that the sample waits for processing again."""
        self.status = SampleStatus.UPLOADED
        self.record(SampleUploaded(sample_id=self.id, user_id=self.user_id, restarts=self.restarts))

    def on_step(self) -> None:
        """Record that a worker processes the sample."""
        self.status = SampleStatus.PROCESSING

    def on_failed(self, code: str, message: str) -> None:
        """Record that processing failed."""
        self.status = SampleStatus.REJECTED
        self._record_rejection()

    def on_cancelled(self) -> None:
        """Record that processing was cancelled; the sample has the status of its earlier measures, if any."""
        self.status = SampleStatus.UPLOADED
        if self.processed is not None:
            self._apply_verdicts()
        self.record(SampleCancelled(sample_id=self.id, user_id=self.user_id, job_id=self.job_id))

    def _apply_verdicts(self) -> bool:
        """Set the status that the verdicts give, and return whether it is ready."""
        reason = next((verdict.advice for verdict in self.verdicts if verdict.verdict == "rejected"), None)
        self.status = SampleStatus.READY if reason is None else SampleStatus.REJECTED
        if reason is not None:
            self.error_code, self.error_message = "SAMPLE_UNUSABLE", reason
        return reason is None

    def _record_rejection(self) -> None:
        reason = self.error_message or ""
        self.record(SampleRejected(sample_id=self.id, user_id=self.user_id, job_id=self.job_id, reason=reason))
