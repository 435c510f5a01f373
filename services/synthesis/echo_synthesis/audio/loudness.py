"""Loudness of speech: measurement, and levelling of sentences."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

USUAL = -20.0
"""Target loudness of all voices, in LUFS."""

_SHARE = 0.75
_MOST = 6.0
_PEAK = 0.95
_BLOCK_SECONDS = 0.4
_SILENT, _QUIET = -70.0, 10.0
_SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
_FILTERS_RATE = 48_000


def loudness(samples: NDArray[np.float32], rate: int) -> float | None:
    """Measure the integrated loudness of mono samples in LUFS (ITU-R BS.1770-4, adjacent blocks); None for silence."""
    size = min(round(_BLOCK_SECONDS * rate), len(samples))
    if not size:
        return None
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    spectrum = np.fft.rfft(blocks)
    # Parseval's theorem: the spectrum gives the filtered power without filtering
    power = (spectrum.real**2 + spectrum.imag**2) @ _weights(size, rate) * 2 / size**2
    power = power[_level(power) > _SILENT]
    if not len(power):
        return None
    loud = power[_level(power) > _level(power.mean()) - _QUIET]
    return float(_level(loud.mean()))


def level(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Move a sentence's loudness three quarters of the way to `USUAL`, by at most 6 dB and without clipping.

    The remaining quarter keeps the speaker's dynamics: an exclamation stays louder than an aside.
    """
    found = loudness(samples, rate)
    if found is None:
        return samples
    gain = 10 ** (float(np.clip(_SHARE * (USUAL - found), -_MOST, _MOST)) / 20)
    if gain > 1:
        gain = max(1.0, min(gain, _PEAK / float(np.abs(samples).max())))
    return samples * np.float32(gain)


def _level(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


@lru_cache(maxsize=64)
def _weights(size: int, rate: int) -> NDArray[np.float64]:
    """Return the power response of both K-weighting filters at each frequency of a spectrum."""
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1 / rate) / _FILTERS_RATE)
    weights = np.ones(len(turns))
    for above, below in (_SHELF, _HIGH_PASS):
        response = sum(a * turns**n for n, a in enumerate(above)) / sum(b * turns**n for n, b in enumerate(below))
        weights *= np.abs(response) ** 2
    return weights
