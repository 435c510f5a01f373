"""Short-time spectra, computed in blocks so that memory does not grow with the length of the sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 24_000
"""Sample rate of all analysed sound in Hz."""

FRAME = 2_048
HOP = 256
FRAMES_PER_SECOND = RATE / HOP

_AT_ONCE = 512
_BANDS = 40
_LOWEST_HERTZ, _HIGHEST_HERTZ = 30.0, 11_000.0
_STEVENS_EXPONENT = 0.3
_SMALLEST = 1e-12


def spectra(sound: Floats, size: int, hop: int) -> Iterator[Floats]:
    """Yield blocks of power spectra of shape (frames, size / 2 + 1); sound shorter than a frame is padded with silence."""
    padded = np.pad(sound, (0, max(0, size - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    for start in range(0, len(frames), _AT_ONCE):
        values = np.fft.rfft(frames[start : start + _AT_ONCE] * window, axis=1)
        yield (values.real**2 + values.imag**2).astype(np.float32) / np.float32(size)


@dataclass(frozen=True)
class BandSpectrum:
    """The power of `power.shape[1]` mel bands in each frame, with the centre frequencies of the bands in Hz."""

    power: Floats
    centres: Floats

    @classmethod
    def measure(cls, sound: Floats) -> "BandSpectrum":
        """Measure sound at `RATE`."""
        edges = _band_edges()
        power = np.concatenate(
            [np.add.reduceat(block, edges[:-1], axis=1)[:, : len(edges) - 1] for block in _up_to(sound, edges)]
        )
        return cls(power, ((edges[:-1] + edges[1:] - 1) * (RATE / FRAME / 2)).astype(np.float32))

    @cached_property
    def loudness(self) -> Floats:
        """The loudness of each band, by Stevens' power law, relative to the loudest frame."""
        found = np.power(self.power, _STEVENS_EXPONENT)
        return np.asarray(found / max(float(found.sum(axis=1).max(initial=0)), _SMALLEST), np.float32)

    @cached_property
    def levels(self) -> Floats:
        """The power of each frame in dB."""
        return np.asarray(10 * np.log10(np.maximum(self.power.sum(axis=1), _SMALLEST)), np.float32)

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Frames that are at most 40 dB below the loud ones, the 95th percentile."""
        return np.asarray(self.levels > np.percentile(self.levels, 95) - 40, bool)


def _up_to(sound: Floats, edges: NDArray[np.int64]) -> Iterator[Floats]:
    for block in spectra(sound, FRAME, HOP):
        yield block[:, : edges[-1]]


def _band_edges() -> NDArray[np.int64]:
    """Return the first bin of each band and the one after the last, equally spaced on the mel scale (O'Shaughnessy, 1987)."""
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST_HERTZ, _HIGHEST_HERTZ))
    mels = np.linspace(lowest, highest, _BANDS + 1)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    return np.unique(np.rint(hertz * FRAME / RATE).astype(np.int64))
