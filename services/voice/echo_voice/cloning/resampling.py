"""From the engine's 24 kHz to the encoder's 16 kHz, and the gradient's way back: a linear filter and its transpose."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_UP, _DOWN = 2, 3
_REACH = 120


def _kernel() -> Floats:
    """A Kaiser-windowed low-pass at 7.6 kHz, on the common grid of 48 kHz."""
    cutoff = 7600 / 24000
    taps = np.sinc(np.arange(-_REACH, _REACH + 1) * cutoff) * cutoff * np.kaiser(2 * _REACH + 1, 8)
    return np.asarray(taps * _UP, np.float32)


_KERNEL = _kernel()


def down(samples: Floats) -> Floats:
    """24 kHz to 16 kHz; the result has two thirds of the samples, rounded up."""
    wide = np.zeros(len(samples) * _UP, np.float32)
    wide[::_UP] = samples
    return np.convolve(wide, _KERNEL)[_REACH : _REACH + len(wide) : _DOWN].astype(np.float32)


def down_transposed(gradient: Floats, length: int) -> Floats:
    """The gradient for the `length` samples that `down` was given, from that for what it made."""
    wide = np.zeros(length * _UP, np.float32)
    wide[::_DOWN] = gradient
    return np.convolve(wide, _KERNEL)[_REACH : _REACH + len(wide) : _UP].astype(np.float32)
