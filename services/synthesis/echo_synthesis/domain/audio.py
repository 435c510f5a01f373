"""Stored audio."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.synthesis import AudioCreated, AudioDeleted
from echo_common.contracts.values import Alignment
from echo_synthesis.domain.speech import SpeechSettings, WordTiming


class Chapter(BaseModel):
    """A part of an audio under one heading of the text; `start` and `end` in seconds."""

    model_config = ConfigDict(frozen=True)

    title: str
    start: float
    end: float


class Audio(Aggregate):
    """Generated speech: a stored object and its metadata.

    `attempt` is the fencing token of audio that a job generates. `words` holds short lists of word timings; long ones are a
    separate object at `times_key`. `cached_units` of the `units` segments came from the speech cache or from a concurrent
    request of the same user. `metadata` is the client's own data. Audio that a job generates has no `text`: the job has it.
    `text` is also None if the audio was read without it.
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
    word_count: int = 0
    alignment: Alignment
    metadata: Mapping[str, str | bool | int | float | None] = {}
    text: str | None = None
    text_length: int = 0
    words: Sequence[WordTiming] = ()
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
        """Return the audio's path on the gateway."""
        return f"/api/v1/files/audio/{audio_id}"

    @staticmethod
    def folder_of(audio_id: str) -> str:
        """Return the prefix of the object keys of all attempts."""
        return f"audio/{audio_id}/"

    @property
    def object_keys(self) -> Sequence[str]:
        """Keys of all its objects, the sound last."""
        return [self.times_key, self.object_key] if self.times_key else [self.object_key]

    @property
    def creation(self) -> AudioCreated:
        """Event of its creation, to be recorded with the write after which it is readable for good."""
        return AudioCreated(
            audio_id=self.id,
            user_id=self.user_id,
            job_id=self.job_id,
            voice_id=self.settings.voice_id,
            engine=self.settings.engine,
            duration=self.duration,
            word_count=self.word_count,
            size_bytes=self.size,
        )

    def delete(self) -> None:
        """Delete the record; remove its objects once this is saved."""
        self.record(AudioDeleted(audio_id=self.id, user_id=self.user_id))
        self.erase()
