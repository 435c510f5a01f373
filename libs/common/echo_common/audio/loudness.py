"""Loudness of mono and stereo audio by ITU-R BS.1770-4."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BLOCK_SECONDS = 0.4
_STEPS_PER_BLOCK = 4
_BLOCKS_AT_ONCE = 64
_SILENT, _QUIET = -70.0, 10.0
_SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
_FILTERS_RATE = 48_000


def measure_loudness(samples: NDArray[np.float32], rate: int) -> float | None:
    """Measure the integrated loudness of samples at `rate` Hz in LUFS; None for silence.

    Audio shorter than a gating block of 0.4 s is measured as one block.

    Args:
        samples: Samples of one channel, or of left and right in the shape (channels, samples).
        rate: Sample rate in Hz.
    """
    size = min(round(_BLOCK_SECONDS * rate), samples.shape[-1])
    if not size:
        return None
    power = sum(_block_powers(channel, size, rate) for channel in np.atleast_2d(samples))
    assert isinstance(power, np.ndarray)  # noqa: S101 - there is a channel
    power = power[_lufs(power) > _SILENT]
    if not len(power):
        return None
    loud = power[_lufs(power) > _lufs(power.mean()) - _QUIET]
    return float(_lufs(loud.mean()))


def _block_powers(samples: NDArray[np.float32], size: int, rate: int) -> NDArray[np.float64]:
    """Return the power of each gating block of a channel."""
    blocks = np.lib.stride_tricks.sliding_window_view(samples, size)[:: max(1, size // _STEPS_PER_BLOCK)]
    starts = range(0, len(blocks), _BLOCKS_AT_ONCE)
    return np.concatenate([_weighted_power(blocks[start : start + _BLOCKS_AT_ONCE], rate) for start in starts])


def _weighted_power(blocks: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return the power of each row after K-weighting; by Parseval's theorem the spectrum gives it without filtering."""
    size = blocks.shape[1]
    spectrum = np.fft.rfft(blocks)
    power: NDArray[np.float64] = (spectrum.real**2 + spectrum.imag**2) @ _weights(size, rate) * 2 / size**2
    return power


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
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
