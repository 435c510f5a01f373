"""Value types that contracts share."""

from enum import StrEnum
from typing import Literal


class Plan(StrEnum):
    """What an identity may use; limits go with it."""

    GUEST = "guest"
    USER = "user"
    PREMIUM = "premium"


class Role(StrEnum):
    """What an identity may administer."""

    USER = "user"
    ADMIN = "admin"


class JobStatus(StrEnum):
    """Where a job stands. The last three are terminal."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows it (a failed job may still be retried by its owner)."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class AudioFormat(StrEnum):
    """Formats Echo writes."""

    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    OGG = "ogg"
    AAC = "aac"
    PCM = "pcm"
    MULAW = "mulaw"


Alignment = Literal["model", "aligned", "estimated"]
"""How times came about: from the model's own durations, from a recogniser, or by proportion."""

TimestampGranularity = Literal["word", "syllable", "both"]
"""What times are told of."""
