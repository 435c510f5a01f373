"""Log mel filter bank features as Kaldi computes them, without dither, and their gradient.

Povey et al., The Kaldi Speech Recognition Toolkit, 2011.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.encoders import spectra
from echo_voice.cloning.encoders.spectra import RATE

Floats = NDArray[np.float32]
BANDS = 80
FRAME, HOP = 400, 160
"""Length of a frame and distance of two frames in PCM samples."""

_SIZE = 512
_EMPHASIS = np.float32(0.97)
_LOWEST = 20.0
_FLOOR = np.float32(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class Features:
    """Log mel spectra (frames, 80) without their mean over time, and the values for the gradient."""

    values: Floats
    transform: NDArray[np.complex64]
    power: Floats


class FilterBank:
    """The features of speech at 16 kHz. Stateless, so threads may share it."""

    def __init__(self) -> None:
        self._window = (np.hanning(FRAME) ** 0.85).astype(np.float32)
        self._bank = _mel_bank()

    def compute(self, samples: Floats) -> Features:
        """Compute the features of at least one frame of speech; incomplete frames at the end do not count."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
        centred = frames - frames.mean(axis=1, keepdims=True)
        emphasised = centred - _EMPHASIS * np.concatenate([centred[:, :1], centred[:, :-1]], axis=1)
        transform = np.fft.rfft(emphasised * self._window, _SIZE).astype(np.complex64)
        power = spectra.power(transform) @ self._bank.T
        logs = np.log(np.maximum(power, _FLOOR))
        return Features(logs - logs.mean(axis=0), transform, power)

    def backward(self, gradient: Floats, features: Features, length: int) -> Floats:
        """Compute the gradient by PCM sample (`length`,) from that of the features."""
        to_logs = gradient - gradient.mean(axis=0)
        to_power = np.where(features.power > _FLOOR, to_logs / np.maximum(features.power, _FLOOR), 0)
        framed = spectra.power_backward(features.transform, to_power @ self._bank, _SIZE)[:, :FRAME] * self._window
        centred = framed.copy()
        centred[:, :-1] -= _EMPHASIS * framed[:, 1:]
        centred[:, 0] -= _EMPHASIS * framed[:, 0]
        centred -= centred.mean(axis=1, keepdims=True)
        return spectra.overlap_add(centred, HOP, length)


def _mel_bank() -> Floats:
    """Build triangular filters on the scale `1127 ln(1 + f / 700)`, from 20 Hz to half the rate: (80, 257)."""
    bins = 1127 * np.log1p(np.linspace(0, RATE / 2, _SIZE // 2 + 1) / 700)
    low = 1127 * np.log1p(_LOWEST / 700)
    return spectra.triangles(bins, np.linspace(low, bins[-1], BANDS + 2))
