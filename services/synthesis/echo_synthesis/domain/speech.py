"""How a text is spoken, and where its words are."""

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.values import AudioFormat


class SpeechSettings(BaseModel):
    """How a text is to be spoken and written. `speed`, `pitch` and `volume` are factors, `sample_rate` is in Hz.

    `fallback_from` is the engine that should have spoken, when another stood in for it.
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
    scope: str = ""
    fallback_from: str | None = None


class WordMark(BaseModel):
    """A written word in an audio: its characters in the text, its seconds in the audio."""

    model_config = ConfigDict(frozen=True)

    word: str
    start: float
    end: float
    char_start: int
    char_end: int
