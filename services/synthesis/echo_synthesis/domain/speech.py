"""Speech settings and word timings."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.values import AudioFormat, TimestampGranularity
from echo_common.contracts.voice_reference import MIX_PREFIX, TRAINING_PREFIX, VOICE_MODEL_PREFIX
from echo_synthesis.domain.dictionary import Pronunciation


class SpeechSettings(BaseModel):
    """Options of synthesis and encoding. `speed`, `pitch` and `volume` are factors, `sample_rate` is in Hz.

    `fallback_from` is the requested engine if a fallback was used.
    `pronunciations` are the lexicon entries that the text needs, as they were when the speech was requested.
    `longest_pause` is the operator's limit, in seconds.
    `quality_check` requests a comparison of stored speech with its text, where that is possible.
    `echo_id` is the echo that the request named as its voice; `style` says how to speak, for engines that support it.
    `scope` is the user whose requests may use the cached segments, as with private voices; empty: all users.
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
    quality_check: bool = False
    echo_id: str | None = None
    style: str = ""

    @property
    def cloned(self) -> bool:
        """True if the voice is a voice model made by Echo, also in training, or a mix."""
        return self.voice_id.startswith((VOICE_MODEL_PREFIX, TRAINING_PREFIX, MIX_PREFIX))

    @property
    def unsaved(self) -> bool:
        """True if the voice is a mix that is not saved, or in training: no event would remove its speech from the cache."""
        return self.voice_id.startswith((MIX_PREFIX, TRAINING_PREFIX))


class SyllableTiming(NamedTuple):
    """A syllable of a word; `start` and `end` in seconds of the audio."""

    text: str
    start: float
    end: float


class WordTiming(BaseModel):
    """Timing of a written word: its characters in the text, its seconds in the audio.

    `spoken` is its spoken form if it differs from the written one, `ipa` its sounds if the engine tells them; of words that are
    spoken as one, the first has all sounds. Captions use `before` and `after`, the punctuation around the word, and `ends`, which
    is true for the last word of a sentence.
    """

    model_config = ConfigDict(frozen=True)

    word: str
    start: float
    end: float
    char_start: int
    char_end: int
    spoken: str | None = None
    ipa: str | None = None
    before: str = ""
    after: str = ""
    ends: bool = False
    syllables: tuple[SyllableTiming, ...] = ()
