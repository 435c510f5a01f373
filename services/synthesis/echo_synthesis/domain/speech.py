"""How a text is spoken, and where its words are."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.values import AudioFormat, TimestampGranularity
from echo_synthesis.domain.dictionary import Pronunciation


class SpeechSettings(BaseModel):
    """How a text is to be spoken and written. `speed`, `pitch` and `volume` are factors, `sample_rate` is in Hz.

    `fallback_from` is the engine that should have spoken, when another stood in for it.
    `pronunciations` are the entries of the user's dictionary that the text needs, as they were when it was asked for.
    `longest_pause` is what the operator allowed, in seconds.
    `scope` is whose the speech is: kept sentences of a private voice serve its user alone; empty: everybody.
    """

    model_config = ConfigDict(frozen=True)

    voice_id: str
    engine: str
    language: str
    output_format: AudioFormat = AudioFormat.WAV
    sample_rate: int = 24_000
    speed: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0
    include_timestamps: bool = True
    timestamp_granularity: TimestampGranularity = "word"
    normalize: bool = True
    ssml: bool | None = None
    pronunciations: tuple[Pronunciation, ...] = ()
    longest_pause: float = 10.0
    scope: str = ""
    fallback_from: str | None = None

    @property
    def cloned(self) -> bool:
        """Whether the voice is a clone made here."""
        return self.voice_id.startswith("vm_")


class SyllableMark(NamedTuple):
    """A syllable of a word, its seconds in the audio."""

    text: str
    start: float
    end: float


class WordMark(BaseModel):
    """A written word in an audio: its characters in the text, its seconds in the audio.

    `spoken` is given where it is not spoken as it is written. `before` and `after` are the marks around it, `ends` tells the last
    word of a sentence: all a caption needs.
    """

    model_config = ConfigDict(frozen=True)

    word: str
    start: float
    end: float
    char_start: int
    char_end: int
    spoken: str | None = None
    before: str = ""
    after: str = ""
    ends: bool = False
    syllables: tuple[SyllableMark, ...] = ()
