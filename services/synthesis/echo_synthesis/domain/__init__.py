"""What synthesis is about. Pure: no I/O, no clock but the one handed in."""

from echo_synthesis.domain.audio import Audio, AudioNotFoundError
from echo_synthesis.domain.job import (
    Job,
    JobNotFoundError,
    JobStateConflictError,
    Lease,
    LeaseLostError,
    lease_until,
)
from echo_synthesis.domain.speech import SpeechSettings, WordMark

__all__ = [
    "Audio",
    "AudioNotFoundError",
    "Job",
    "JobNotFoundError",
    "JobStateConflictError",
    "Lease",
    "LeaseLostError",
    "SpeechSettings",
    "WordMark",
    "lease_until",
]
