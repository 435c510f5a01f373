"""Tempo and pulse: autocorrelation of the onset strength, after Ellis, Beat Tracking by Dynamic Programming (2007)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo_listening.features.spectrum import FRAMES_PER_SECOND, BandSpectrum

Series = NDArray[np.float64]

SLOWEST_BPM, FASTEST_BPM = 50.0, 210.0
_LEAST_SECONDS = 4.0
_WINDOW_SECONDS = 12.0
_MULTIPLES = 4
_REFINED_MULTIPLES = 8
_USUAL_BPM = 120.0
_OCTAVES = 1.0
_BETWEEN_WEIGHT = 0.5
_SAME_TEMPO = 0.04
_LEAST_CLARITY = 0.2
_BASS_HERTZ = 200.0
_LOUD_ONSET = 0.15


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The rhythm of a track.

    `tempo` in beats per minute, None without a clear pulse; `clarity` is the part of the onset strength that repeats with the
    beat, `stability` the part of the time in which the tempo is the same, `bass` the clarity of the pulse below 200 Hz, all from
    0 to 1; `onsets` a second.
    """

    tempo: float | None
    clarity: float
    stability: float
    bass: float
    onsets: float


NO_RHYTHM = Rhythm(None, 0.0, 0.0, 0.0, 0.0)


def measure_rhythm(spectrum: BandSpectrum) -> Rhythm:
    """Measure the rhythm of a track."""
    strength = _onset_strength(spectrum.loudness)
    onsets = _count_onsets(strength) * FRAMES_PER_SECOND / max(1, len(strength))
    windows = [_autocorrelation(window) for window in _windows(strength)]
    found = [window for window in windows if window is not None]
    if len(strength) < _LEAST_SECONDS * FRAMES_PER_SECOND or not found:
        return Rhythm(None, 0.0, 0.0, 0.0, onsets)
    repeated = np.mean(found, axis=0)
    period = _find_period(repeated)
    clarity = _clarity(repeated, period)
    if clarity < _LEAST_CLARITY:
        return Rhythm(None, clarity, 0.0, 0.0, onsets)
    same = [abs(_find_period(window) / period - 1) < _SAME_TEMPO for window in found]
    low = _onset_strength(spectrum.loudness[:, spectrum.centres < _BASS_HERTZ])
    bass = [_clarity(window, period) for window in map(_autocorrelation, _windows(low)) if window is not None]
    tempo = 60 * FRAMES_PER_SECOND / period
    return Rhythm(tempo, clarity, float(np.mean(same)), float(np.sum(bass)) / len(windows), onsets)


def _onset_strength(loudness: NDArray[np.float32]) -> Series:
    """Return the mean rise of the bands in each frame above its local mean, smoothed."""
    rise = np.maximum(np.diff(loudness, axis=0, prepend=loudness[:1]), 0).mean(axis=1, dtype=np.float64)
    around = round(FRAMES_PER_SECOND)
    above = np.maximum(rise - np.convolve(rise, np.full(around, 1 / around), "same")[: len(rise)], 0)
    return np.convolve(above, (0.1, 0.25, 0.3, 0.25, 0.1), "same")[: len(rise)]


def _windows(strength: Series) -> Iterator[Series]:
    size = round(_WINDOW_SECONDS * FRAMES_PER_SECOND)
    if len(strength) <= size:
        yield strength
        return
    for start in range(0, len(strength) - size + 1, size // 2):
        yield strength[start : start + size]


def _autocorrelation(strength: Series) -> Series | None:
    """Return the autocorrelation, 1 for no shift, for all windows of the same length; None without any onset."""
    centred = strength - strength.mean()
    size = len(centred)
    spectrum = np.fft.rfft(centred, 2 * size)
    found = np.fft.irfft(spectrum * spectrum.conj())[:size]
    if found[0] <= 1e-9 * size:
        return None
    half = max(2, size // 2)
    return np.asarray(found[:half] / found[0] * size / (size - np.arange(half)))


def _find_period(repeated: Series) -> float:
    """Return the most salient period in frames.

    Its multiples repeat, too. Half of it does not: otherwise the half is the beat, unless it is much faster than usual.
    """
    tempi = np.geomspace(SLOWEST_BPM, FASTEST_BPM, 600)
    periods = 60 * FRAMES_PER_SECOND / tempi
    usual = np.exp(-0.5 * (np.log2(tempi / _USUAL_BPM) / _OCTAVES) ** 2)
    between = np.max([_comb(repeated, periods, 3, shift=-1 / parts) for parts in (2, 3)], axis=0)
    scores = _comb(repeated, periods, _MULTIPLES) - _BETWEEN_WEIGHT * np.maximum(between, 0)
    coarse = float(periods[int((scores * usual).argmax())])
    near = coarse * np.linspace(0.98, 1.02, 161)
    return float(near[int(_comb(repeated, near, _REFINED_MULTIPLES).argmax())])


def _clarity(repeated: Series, period: float) -> float:
    return float(np.clip(_comb(repeated, np.array([period]), _MULTIPLES)[0], 0, 1))


def _comb(repeated: Series, periods: Series, multiples: int, shift: float = 0.0) -> Series:
    """Return the weighted mean of the autocorrelation at multiples of each period; those beyond its end do not count."""
    total, weights = np.zeros(len(periods)), np.zeros(len(periods))
    lags = np.arange(len(repeated))
    for number in range(1, multiples + 1):
        lag = (number + shift) * periods
        weight = np.where(lag <= lags[-1], 1 / number, 0)
        total += weight * np.interp(lag, lags, repeated)
        weights += weight
    return np.asarray(total / np.maximum(weights, 1e-9))


def _count_onsets(strength: Series) -> int:
    """Return the number of local maxima of the onset strength that are not far below the strongest ones."""
    if len(strength) < 3:
        return 0
    middle = strength[1:-1]
    peaks = (middle > strength[:-2]) & (middle >= strength[2:])
    return int(np.count_nonzero(peaks & (middle > _LOUD_ONSET * max(np.percentile(strength, 99), 1e-6))))
