"""Finished speech."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.contracts.values import Alignment
from echo_synthesis.domain.speech import SpeechSettings, WordMark


class Chapter(BaseModel):
    """A part of an audio that the text has a heading for: seconds in the audio."""

    model_config = ConfigDict(frozen=True)

    title: str
    start: float
    end: float


class Audio(Aggregate):
    """Finished speech: an object in storage and what is known of it. `attempt` fences audios made by jobs.

    `words` are here when there are few; many are an object of their own under `times_key`. `cached_units` of `units` were
    spoken for the same user before, or at the same time.
    """

    user_id: str
    synthesis_id: str
    job_id: str | None = None
    text_id: str | None = None
    attempt: int = 0
    settings: SpeechSettings
    object_key: str
    mime: str
    size: int
    checksum: str
    duration: float
    alignment: Alignment
    words: Sequence[WordMark] = ()
    times_key: str | None = None
    chapters: Sequence[Chapter] = ()
    units: int = 0
    cached_units: int = 0

    @property
    def url(self) -> str:
        """Path on the gateway."""
        return self.url_of(self.id)

    @staticmethod
    def url_of(audio_id: str) -> str:
        """Path on the gateway."""
        return f"/api/v1/files/audio/{audio_id}"

    @staticmethod
    def folder_of(audio_id: str) -> str:
        """What the keys of all attempts' objects begin with."""
        return f"audio/{audio_id}/"

    @property
    def object_keys(self) -> Sequence[str]:
        """All its objects, the sound last."""
        return [self.times_key, self.object_key] if self.times_key else [self.object_key]

    def delete(self) -> None:
        """Forget it; its objects are to be removed once this is saved."""
        self.record(AudioDeleted(audio_id=self.id, user_id=self.user_id))
        self.erase()
