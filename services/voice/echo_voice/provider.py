"""The provider port: whoever makes a voice from recordings.

A provider is a folder in `providers/`. Its `__init__.py` exposes `provider(settings) -> VoiceProvider`; being there
registers it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from echo_common.contracts.http.voice import CloneQuality, TrainingConfig
from echo_common.errors import EchoError
from echo_voice.domain.voicemodels import Gender

Progressed = Callable[[int, int, str | None], None]
"""Hears how many steps of how many are done, and in a few words what is being done."""


class TrainingFailedError(EchoError):
    """The clone could not be made from these samples."""

    code = "TRAINING_FAILED"


@dataclass(frozen=True, slots=True)
class Recording:
    """A sample to learn from: mono FLAC, 24 kHz, trimmed and levelled; what is said in it, where that is known."""

    path: Path
    seconds: float
    transcript: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A voice to be made. `language` is a BCP-47 tag; `scratch` is a folder of its own that goes away afterwards.

    What a provider leaves in the file `checkpoint` is there again when the same training is taken up once more.
    """

    clone_id: str
    name: str
    language: str
    recordings: Sequence[Recording]
    config: TrainingConfig
    scratch: Path

    @property
    def checkpoint(self) -> Path:
        """Where a training may leave how far it got."""
        return self.scratch / "checkpoint"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The voice: the engine that speaks it, and either what that engine calls it, or a file that is to be kept for it."""

    engine: str
    reference: str | None = None
    style: Path | None = None
    gender: Gender = "neutral"
    quality: CloneQuality = field(default_factory=CloneQuality)


class VoiceProvider(Protocol):
    """Makes voices. Nothing is loaded or connected until `train`."""

    name: str
    languages: Sequence[str]
    """What its voices can speak, as primary subtags; empty for everything."""

    keeps_voices: bool
    """Whether the voice is kept by the provider, so that its reference is good without anything kept here."""

    def missing(self) -> Sequence[str]:
        """What must be installed or set before it can work, each with what to do; empty when ready. Asked often, so quick."""

    def estimate(self, config: TrainingConfig, seconds: float) -> float:
        """Seconds that a training with so many seconds of speech takes, roughly."""

    async def train(self, order: Order, progressed: Progressed) -> Outcome:
        """Make a voice; a cancelled call leaves no work behind.

        Raises `ProviderUnavailableError` for what may be better later, `TrainingFailedError` for what will not.
        """
