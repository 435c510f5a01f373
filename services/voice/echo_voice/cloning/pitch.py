"""Estimation of a speaker's pitch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
HOP_SECONDS = 0.01
"""Interval between the values of a contour."""
_RATE = 16_000
_FRAME, _HOP = 1024, round(HOP_SECONDS * _RATE)
_LOWEST, _HIGHEST = 60, 450
_CANDIDATES = 5
_VOICED = 0.45
_OCTAVE_COST = 0.01
"""Preference for high pitches, per octave: multiples of a period are periods too."""
_JUMP_COST = 0.35
"""Cost of a change by an octave within a hop."""
_VOICING_COST = 0.14
"""Cost of a change between voiced and unvoiced."""
_NO_QUIETER = 0.01
_LOW_MARGIN, _HIGH_MARGIN = 0.7, 1.8
"""Bounds of a speaker's pitch, relative to the quartiles of a first pass (Hirst 2011)."""


def pitch_contour(samples: NDArray[np.float32]) -> Doubles:
    """Estimate the fundamental frequency of speech at 16 kHz in Hz, one value per `HOP_SECONDS`; 0 where it is unvoiced.

    Each frame's autocorrelation is corrected for the window and gives some candidates; the path with the fewest jumps is
    chosen among them (Boersma 1993). A second pass has bounds that suit the speaker.
    """
    if len(samples) < _FRAME:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP].astype(np.float64)
    window = np.hanning(_FRAME)
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window) / _autocorrelation(window)
    power = correlation[:, 0].copy()
    lags, strengths = _candidates(correlation / (power[:, None] + 1e-12))
    pitches = _RATE / lags
    worth = strengths + _OCTAVE_COST * np.log2(pitches / _LOWEST)
    worth[strengths <= 0] = -np.inf
    quiet = power < _NO_QUIETER * np.percentile(power, 90)
    worth[quiet] = -np.inf
    contour = _best_contour(worth, pitches)
    if not contour.any():
        return contour
    low, high = np.percentile(contour[contour > 0], [25, 75])
    worth[(pitches < _LOW_MARGIN * low) | (pitches > _HIGH_MARGIN * high)] = -np.inf
    return _best_contour(worth, pitches)


def median_pitch(recordings: Sequence[NDArray[np.float32]]) -> float | None:
    """Estimate the median pitch in Hz of a speaker's recordings at 16 kHz; None without voiced speech."""
    contour = np.concatenate([pitch_contour(samples) for samples in recordings]) if recordings else np.zeros(0)
    return float(np.median(contour[contour > 0])) if contour.any() else None


def _candidates(correlation: Doubles) -> tuple[Doubles, Doubles]:
    """Return the lags and heights of each frame's highest peaks, by parabolic interpolation; a missing peak has height 0."""
    first, last = _RATE // _HIGHEST, _RATE // _LOWEST
    before, at, after = (correlation[:, first + shift : last + shift] for shift in (-1, 0, 1))
    height = np.where((at > before) & (at >= after), at, 0.0)
    best = np.argpartition(-height, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    before, at, after, height = (np.take_along_axis(part, best, axis=1) for part in (before, at, after, height))
    bend = np.where(height > 0, 2 * at - before - after, 1.0)
    off = np.where(height > 0, (after - before) / np.maximum(bend, 1e-9) / 2, 0.0)
    lags = np.asarray(first + best + off, np.float64)
    return lags, np.where(height > 0, np.minimum(height + (after - before) * off / 4, 1.0), 0.0)


def _best_contour(worth: Doubles, pitches: Doubles) -> Doubles:
    unvoiced = np.full((len(pitches), 1), _VOICED)
    path = _best_path(np.hstack([unvoiced, worth]), np.log2(pitches))
    return np.where(path > 0, np.take_along_axis(pitches, np.maximum(path - 1, 0)[:, None], axis=1)[:, 0], 0.0)


def _best_path(worth: Doubles, octaves: Doubles) -> NDArray[np.int64]:
    """Return the best state of each frame: 0 for unvoiced, otherwise the number of the candidate (Viterbi 1967)."""
    total, back = worth[0], np.zeros(worth.shape, np.int64)
    for frame in range(1, len(worth)):
        cost = np.full((worth.shape[1],) * 2, _VOICING_COST)
        cost[0, 0] = 0
        cost[1:, 1:] = _JUMP_COST * np.abs(octaves[frame - 1][:, None] - octaves[frame][None])
        reached = total[:, None] - cost
        back[frame] = reached.argmax(axis=0)
        total = reached.max(axis=0) + worth[frame]
    path = np.empty(len(worth), np.int64)
    path[-1] = total.argmax()
    for frame in range(len(worth) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path


def _autocorrelation(frames: Doubles) -> Doubles:
    spectrum = np.fft.rfft(frames, 2 * _FRAME)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[..., : _FRAME // 2])
