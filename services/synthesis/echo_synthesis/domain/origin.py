"""Where speech comes from."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from echo_common.clock import now
from echo_common.ids import new_id
from echo_synthesis.domain.speech import SpeechSettings


class Origin(BaseModel):
    """Who had something spoken, with which voice, in which piece of work; stays when the audio is deleted.

    Its id is all that a marked file tells strangers. A stream is no audio of ours: it has neither `audio_id` nor `job_id`,
    and a `checksum` (SHA-256 of its bytes, hex) only once it was sent to its end.
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
    def of(cls, settings: SpeechSettings, *, cloned: bool, user_id: str, **work: str | None) -> "Origin":
        """Of speech that is about to be made; `work` are the ids of what it is made for."""
        return cls(user_id=user_id, voice_id=settings.voice_id, engine=settings.engine, cloned=cloned, **work)
