"""Provenance records of generated speech."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from echo_common.clock import now
from echo_common.ids import new_id
from echo_synthesis.domain.speech import SpeechSettings


class ProvenanceRecord(BaseModel):
    """Record of who generated speech, with which voice and for which request; it outlives the audio.

    Its id is the only fact that a signed file discloses. A stream is not stored as audio: it has neither `audio_id` nor
    `job_id`, and it gets its `checksum` (SHA-256 of its bytes, in hex) only once it was sent completely.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(default_factory=lambda: new_id("org"))
    user_id: str
    voice_id: str
    engine: str
    cloned: bool
    audio_id: str | None = None
    synthesis_id: str | None = None
    job_id: str | None = None
    checksum: str | None = None
    created_at: datetime = Field(default_factory=now)

    @classmethod
    def of(cls, settings: SpeechSettings, *, cloned: bool, user_id: str, **work: str | None) -> "ProvenanceRecord":
        """Create the record of speech about to be generated; `work` holds the ids that it belongs to, such as `job_id`."""
        return cls(user_id=user_id, voice_id=settings.voice_id, engine=settings.engine, cloned=cloned, **work)
