"""Resampling from the engine's 24 kHz to the encoder's 16 kHz by a linear filter, and its transpose for the gradient."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_UP, _DOWN = 2, 3
_REACH = 120


def _kernel() -> Floats:
    """Build a Kaiser-windowed low-pass filter at 7.6 kHz, on the common grid of 48 kHz."""
    cutoff = 7600 / 24000
    taps = np.sinc(np.arange(-_REACH, _REACH + 1) * cutoff) * cutoff * np.kaiser(2 * _REACH + 1, 8)
    return np.asarray(taps * _UP, np.float32)


_KERNEL = _kernel()


def down(samples: Floats) -> Floats:
    """Resample from 24 kHz to 16 kHz; the result has two thirds of the PCM samples, rounded up."""
    wide = np.zeros(len(samples) * _UP, np.float32)
    wide[::_UP] = samples
    return np.convolve(wide, _KERNEL)[_REACH : _REACH + len(wide) : _DOWN].astype(np.float32)


def down_transposed(gradient: Floats, length: int) -> Floats:
    """Compute the gradient of `down`'s input, which has `length` PCM samples, from that of its output."""
    wide = np.zeros(length * _UP, np.float32)
    wide[::_DOWN] = gradient
    return np.convolve(wide, _KERNEL)[_REACH : _REACH + len(wide) : _UP].astype(np.float32)
