"""The provider port: a provider trains voice models from samples.

A provider is a folder in `providers/`, which registers it. Its `__init__.py` exposes `provider(settings) -> VoiceProvider`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from echo_common.contracts.http.voice import CloneKind
from echo_common.errors import EchoError
from echo_voice.domain.rhythm import Rhythm
from echo_voice.domain.values import TrainingOptions, VoiceQuality
from echo_voice.domain.voice_models import Gender

Progressed = Callable[[int, int, str | None], None]
"""Progress callback: steps done, steps in total, and a short note on the current step."""


class TrainingFailedError(EchoError):
    """The voice model cannot be trained from these samples."""

    code = "TRAINING_FAILED"


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """A sample to train on: mono FLAC, 24 kHz, trimmed and normalised, with its transcript and its language where known.

    `rhythm` is that of the original, where known: trimming shortens pauses.
    """

    path: Path
    seconds: float
    transcript: str | None
    language: str | None = None
    rhythm: Rhythm | None = None


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training request. `language` is a BCP-47 tag; `scratch` is a private folder that is removed afterwards.

    The file that a provider writes to `checkpoint` is restored when the same training is resumed.
    """

    clone_id: str
    name: str
    language: str
    samples: Sequence[TrainingSample]
    config: TrainingOptions
    scratch: Path

    @property
    def checkpoint(self) -> Path:
        """Path of the file in which a training may save its state."""
        return self.scratch / "checkpoint"

    @property
    def present(self) -> Path:
        """Path of a style file that a training may replace at once whenever the voice has improved, so that it can be heard."""
        return self.scratch / "present"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained voice: its engine, and either the engine's reference to it or a style file to store."""

    engine: str
    reference: str | None = None
    style: Path | None = None
    gender: Gender = "neutral"
    quality: VoiceQuality = field(default_factory=VoiceQuality)


class VoiceProvider(Protocol):
    """A trainer of voice models. It loads and connects nothing before `train`."""

    name: str
    languages: Sequence[str]
    """Languages its voices can speak, as primary subtags; empty for all."""

    stores_voices: bool
    """True if the provider stores the voice, so that its reference suffices and no file is stored here."""

    kinds: Sequence[CloneKind]
    """Kinds of clones that it trains."""

    def missing(self) -> Sequence[str]:
        """Return the missing requirements, each with a remedy; empty when ready. Called often, so it must be fast."""

    def estimate(self, config: TrainingOptions, seconds: float) -> float:
        """Estimate the duration of a training in seconds, from the `seconds` of speech."""

    def steps(self, config: TrainingOptions) -> int | None:
        """Return the number of steps of a training; None if the provider chooses it."""

    async def train(self, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        """Train a voice; a cancelled call leaves no running work behind.

        Raises `ProviderUnavailableError` for temporary failures, `TrainingFailedError` for permanent ones.
        """
