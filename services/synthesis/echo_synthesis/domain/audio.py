"""Finished speech."""

from collections.abc import Sequence

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.contracts.values import Alignment
from echo_common.errors import NotFoundError
from echo_synthesis.domain.speech import SpeechSettings, WordMark


class AudioNotFoundError(NotFoundError):
    """There is no such audio."""

    code = "AUDIO_NOT_FOUND"


class Audio(Aggregate):
    """Finished speech: an object in storage and what is known of it. `attempt` fences audios made by jobs."""

    user_id: str
    synthesis_id: str
    job_id: str | None = None
    attempt: int = 0
    settings: SpeechSettings
    object_key: str
    mime: str
    size: int
    checksum: str
    duration: float
    alignment: Alignment
    words: Sequence[WordMark] = ()

    @property
    def url(self) -> str:
        """Path on the gateway."""
        return f"/api/v1/files/audio/{self.id}"

    def delete(self) -> None:
        """Forget it; its object is to be removed once this is saved."""
        self.record(AudioDeleted(audio_id=self.id, user_id=self.user_id))
        self.erase()
