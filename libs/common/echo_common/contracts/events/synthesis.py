"""Facts published by synthesis."""

from typing import ClassVar

from echo_common.contracts.event import DomainEvent


class JobQueued(DomainEvent):
    """A job waits for a worker: created, handed back, or asked for again."""

    topic: ClassVar[str] = "synthesis.job_queued"

    job_id: str
    user_id: str


class JobStarted(DomainEvent):
    """A worker has claimed the job."""

    topic: ClassVar[str] = "synthesis.job_started"

    job_id: str
    user_id: str
    attempt: int


class JobProgressed(DomainEvent):
    """`units_done` of `units_total` sentences are spoken."""

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
    """The job is given up; its owner may ask for it again."""

    topic: ClassVar[str] = "synthesis.job_failed"

    job_id: str
    user_id: str
    code: str
    message: str


class JobCancelled(DomainEvent):
    """The job's owner does not want it any more."""

    topic: ClassVar[str] = "synthesis.job_cancelled"

    job_id: str
    user_id: str


class AudioDeleted(DomainEvent):
    """An audio is gone, its object too."""

    topic: ClassVar[str] = "synthesis.audio_deleted"

    audio_id: str
    user_id: str
