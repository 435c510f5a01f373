"""Estimation of a speaker's pitch."""

import numpy as np
from numpy.typing import NDArray

_RATE = 16_000
_FRAME, _HOP = 1024, 320
_LOWEST, _HIGHEST = 60, 400
_VOICED = 0.5
_NO_QUIETER = 0.02


def median_pitch(samples: NDArray[np.float32]) -> float | None:
    """Estimate the median fundamental frequency in Hz of speech at 16 kHz, by autocorrelation; None without voiced speech.

    Each frame's autocorrelation is corrected for the window (Boersma 1993); a penalty on long lags reduces octave errors.
    """
    if len(samples) < _FRAME:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP].astype(np.float64)
    window = np.hanning(_FRAME)
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window) / _autocorrelation(window)
    power = correlation[:, 0]
    lags = np.arange(_RATE // _HIGHEST, _RATE // _LOWEST)
    strength = correlation[:, lags] / (power[:, None] + 1e-12) - 0.03 * np.log2(lags * _LOWEST / _RATE + 1)
    best = strength.argmax(axis=1)
    voiced = (strength.max(axis=1) > _VOICED) & (power > _NO_QUIETER * np.percentile(power, 90))
    return float(np.exp(np.median(np.log(_RATE / lags[best[voiced]])))) if voiced.any() else None


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(frames, 2 * _FRAME)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[..., : _FRAME // 2])
