"""Values within samples and voice models: measures, verdicts, training options and the quality of a voice."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.http.voice import CloneKind
from echo_voice.domain.rhythm import Rhythm


class Value(BaseModel):
    """Base class of values: frozen, and stored within an aggregate."""

    model_config = ConfigDict(frozen=True)


class Measures(Value):
    """Measured quality of a sample; null where a value could not be measured.

    `snr` in dB, `clipping` as a share from 0 to 1, `loudness` in LUFS, `mos` from 1 to 5; `speakers` is 2 for several. `rhythm` is
    that of the first two minutes of the original, whose pauses the processed audio does not have.
    """

    duration: float
    speech_seconds: float
    snr: float | None = None
    clipping: float
    loudness: float | None = None
    mos: float | None = None
    language: str | None = None
    speakers: int | None = None
    rhythm: Rhythm | None = None
    sample_rate: int
    channels: int


class Verdict(Value):
    """The verdict on a measured value, and advice."""

    measure: str
    value: float | str | None
    verdict: Literal["good", "fair", "poor", "rejected", "unknown"]
    advice: str


class TrainingOptions(Value):
    """Options of a training, in the trainer's units."""

    kind: CloneKind = "instant"
    epochs: int = 1
    learning_rate: float = 0.1
    batch_size: int = 1
    restraint: float = 0.02
    seed: int = 0
    enable_timestamp_alignment: bool = True


class MixedVoice(Value):
    """A voice of a mix; the shares of a mix add up to 1."""

    voice_id: str
    share: float


class VoiceQuality(Value):
    """Measured quality of a voice model: cosine similarities, MOS, share of wrong words, and the training time in seconds."""

    similarity: float | None = None
    nearest_stock: float | None = None
    mos: float | None = None
    word_errors: float | None = None
    seconds: float | None = None
