"""Similarity of voices: the speaker encoder port and its implementations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.encoders.embeddings import unit
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER, Resemblyzer
from echo_voice.cloning.stock import stock_embeddings

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]
Vector = NDArray[np.float32]
VOICES = Path("kokoro") / "voices"
"""Folder of the styles of Kokoro's voices, relative to the models folder."""

_WINDOW_SECONDS = 1.6
_HOP_SECONDS = 0.8
_BANDS = 40
_FRAME = 400
_STEP = 160


class SpeakerEncoder(Protocol):
    """An encoder from speech (mono, 16 kHz, float32) to a unit vector; similar voices have a high cosine.

    `name` identifies the vector space: vectors of different encoders must not be compared. `tells_people_apart` is false for an
    encoder that only recognises identical recordings. `builtin` holds the vectors of the engines' built-in voices that were
    measured and are installed.
    """

    name: str
    tells_people_apart: bool
    builtin: Mapping[str, Vector]

    def embed(self, samples: Samples) -> Vector:
        """Embed the voice in audio of at least half a second."""


class SpectralEncoder:
    """An encoder without a model: mean and spread of log-mel energies. Recognises identical recordings, not speakers."""

    name = "spectral-1"
    tells_people_apart = False
    builtin: Mapping[str, Vector] = MappingProxyType({})

    def embed(self, samples: Samples) -> Vector:
        """Embed the spectral envelope as 80 numbers."""
        padded = np.pad(samples, (0, max(0, _FRAME - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_STEP]
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2
        bands = np.log(spectrum @ _mel_filters().T + 1e-8)
        return unit(np.concatenate([bands.mean(axis=0) - bands.mean(), bands.std(axis=0)]))


def similarity(one: Sequence[float] | Vector, other: Sequence[float] | Vector) -> float:
    """Compute the cosine of two vectors, rounded to four decimals."""
    return round(float(np.dot(unit(np.asarray(one)), unit(np.asarray(other)))), 4)


def windows(encoder: SpeakerEncoder, samples: Samples) -> NDArray[np.float32]:
    """Embed overlapping windows of 1.6 s, one per row; shorter audio is a single window."""
    size, hop = int(_WINDOW_SECONDS * SAMPLE_RATE), int(_HOP_SECONDS * SAMPLE_RATE)
    starts = range(0, max(1, len(samples) - size + 1), hop)
    return np.stack([encoder.embed(samples[start : start + size]) for start in starts])


class ResemblyzerEncoder:
    """Resemblyzer's encoder, which tells speakers apart; see `echo_voice.cloning.encoders.resemblyzer`."""

    name = "resemblyzer-1"
    tells_people_apart = True

    def __init__(self, models: Path) -> None:
        self._encoder = Resemblyzer.open(encoder_file(models))
        known = stock_embeddings()
        self.builtin: Mapping[str, Vector] = {name: known[name] for name in known if (models / VOICES / f"{name}.bin").exists()}

    def embed(self, samples: Samples) -> Vector:
        """Embed the speaker's voice as 256 numbers."""
        return self._encoder.embed(samples)


def title_of(builtin: str) -> str:
    """Return the display name of a built-in voice: `Heart` for `af_heart`."""
    return builtin.partition("_")[2].title()


def encoder_file(models: Path) -> Path:
    """Return the path of the speaker encoder's weights."""
    return models / "encoder" / RESEMBLYZER


def open_encoder(models: Path) -> SpeakerEncoder:
    """Open the best installed encoder."""
    return ResemblyzerEncoder(models) if encoder_file(models).exists() else SpectralEncoder()


def _mel_filters() -> NDArray[np.float64]:
    frequencies = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE)
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, _BANDS + 2) / 2595) - 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)
