"""Events published by synthesis."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent


class JobQueued(DomainEvent):
    """A job is pending: created, or `again`, because a worker released it or its owner retries it.

    `restarts` counts how often it was queued again after its end, which no worker does.
    """

    topic: ClassVar[str] = "synthesis.job_queued"

    job_id: str
    user_id: str
    restarts: int = 0
    again: bool = False


class JobStarted(DomainEvent):
    """A worker claimed the job."""

    topic: ClassVar[str] = "synthesis.job_started"

    job_id: str
    user_id: str
    attempt: int


class JobProgressed(DomainEvent):
    """`units_done` of `units_total` segments are synthesised."""

    topic: ClassVar[str] = "synthesis.job_progressed"
    transient: ClassVar[bool] = True

    job_id: str
    user_id: str
    units_done: int
    units_total: int


class JobCompleted(DomainEvent):
    """The job's audio is stored and readable."""

    topic: ClassVar[str] = "synthesis.job_completed"

    job_id: str
    user_id: str
    audio_id: str
    duration: float


class JobFailed(DomainEvent):
    """The job failed; its owner may retry it."""

    topic: ClassVar[str] = "synthesis.job_failed"

    job_id: str
    user_id: str
    code: str
    message: str


class JobCancelled(DomainEvent):
    """The job was cancelled."""

    topic: ClassVar[str] = "synthesis.job_cancelled"

    job_id: str
    user_id: str


class AudioCreated(DomainEvent):
    """An audio is stored and readable: of a job, or of a synchronous request. `duration` is in seconds.

    `object_key` and `mime` are those of its file in object storage, which listening may read.
    """

    topic: ClassVar[str] = "synthesis.audio_created"

    audio_id: str
    user_id: str
    job_id: str | None = None
    voice_id: str
    engine: str
    duration: float
    word_count: int
    size_bytes: int
    object_key: str = ""
    mime: str = ""


class AudioRevised(DomainEvent):
    """Another revision of an audio is current, because a segment was regenerated, or because that was undone.

    `duration` (in seconds), `word_count`, `size_bytes` and the file are those of the whole audio. `counter` grows with every change of the
    revision; `revision` does not, because an undone revision makes the one before it current again.
    """

    topic: ClassVar[str] = "synthesis.audio_revised"

    audio_id: str
    user_id: str
    revision: int
    counter: int = 0
    segment: int | None
    duration: float
    word_count: int
    size_bytes: int
    object_key: str = ""
    mime: str = ""


class AudioDeleted(DomainEvent):
    """An audio and its object were deleted."""

    topic: ClassVar[str] = "synthesis.audio_deleted"

    audio_id: str
    user_id: str


class EngineUse(BaseModel):
    """Speech that an engine made in an hour, as far as a process has counted it since its last event.

    `cache_hits` are segments that the speech cache had, `cache_misses` those that it had not. All engines share the cache: `engine` is
    empty in its counts.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    engine: str
    hour: datetime
    segments: int = 0
    audio_milliseconds: int = 0
    compute_milliseconds: int = 0
    cache_hits: int = 0
    cache_misses: int = 0


class SpeechMeasured(DomainEvent):
    """Engines made speech; synthesis collects it for some seconds."""

    topic: ClassVar[str] = "synthesis.speech_measured"

    uses: tuple[EngineUse, ...]


class SynthesisUserDataErased(DomainEvent):
    """The synthesis service has erased everything of a deleted user."""

    topic: ClassVar[str] = "synthesis.user_data_erased"

    user_id: str


class SynthesisErrorLogged(ErrorLogged):
    """The synthesis service logged errors."""

    topic: ClassVar[str] = "synthesis.error_logged"
