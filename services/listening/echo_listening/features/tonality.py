"""Key and mode: harmonic pitch class profile (Gómez, 2006), compared with key profiles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo_listening.features.spectrum import RATE, Floats, spectra

Profile = NDArray[np.float64]

_FRAME = 8_192
_HOP = 4_096
_LEAST_SECONDS = 1.0
_LOWEST_HERTZ, _HIGHEST_HERTZ = 63.54, 2_033.4
"""Five octaves from a quarter tone below C2: as many semitones of each pitch class, so that noise has a flat profile."""

_PEAK_RANGE = 1e-5
"""Power of the weakest peaks of a frame, relative to its strongest one."""

_LEAST_POWER = 1e-9
_PROMINENCE = 25.0
_AROUND_BINS = 8
"""A peak is a tone if it has so many times the (geometric) mean power of the bins around it; peaks of noise and of drums do not."""

_LEAST_TONAL = 0.3
"""Least part of the frames with a tone, of those with sound; noise has tones in 0.04 of them at most, music in almost all."""

_LEAST_CORRELATION = 0.5
_LEAST_CONTRAST = 0.25
_LEAST_CLASSES, _LEAST_SHARE = 3, 0.1
_CONCERT_PITCH, _A4 = 440.0, 69
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
"""How often the twelve pitch classes of a key occur (Albrecht and Shanahan, 2013)."""

_BASS_PITCH = 50
"""Peaks below it (147 Hz) count twice: the bass has the tonic more often than other voices."""


@dataclass(frozen=True, slots=True)
class Tonality:
    """The tonality of a track.

    `key` is a pitch class from 0 (C) to 11 (B), and `mode` 1 for major or 0 for minor; -1 and None without a key. `contrast` is
    the standard deviation of the pitch class profile relative to its mean; `majorness` is how much better the best major key
    fits than the best minor key, from -1 to 1.
    """

    key: int
    mode: int | None
    contrast: float
    majorness: float


NO_TONALITY = Tonality(-1, None, 0.0, 0.0)


def measure_tonality(sound: Floats) -> Tonality:
    """Measure the tonality of sound at `RATE`."""
    if len(sound) < _LEAST_SECONDS * RATE:
        return NO_TONALITY
    peaks = _find_peaks(sound)
    profile = _pitch_class_profile(peaks)
    if profile.sum() <= 0:
        return NO_TONALITY
    contrast = float(profile.std() / profile.mean())
    fits = np.array([[_correlate(profile, np.roll(shape, key)) for key in range(12)] for shape in (_MINOR, _MAJOR)])
    majorness = float(fits[1].max() - fits[0].max())
    mode, key = np.unravel_index(int(fits.argmax()), fits.shape)
    classes = np.count_nonzero(profile > _LEAST_SHARE * profile.max())
    is_tonal = peaks.tonal >= _LEAST_TONAL and classes >= _LEAST_CLASSES
    if not is_tonal or contrast < _LEAST_CONTRAST or fits.max() < _LEAST_CORRELATION:
        return Tonality(-1, None, contrast if is_tonal else 0.0, majorness)
    return Tonality(int(key), int(mode), contrast, majorness)


@dataclass(frozen=True, slots=True)
class _Peaks:
    """Spectral peaks: pitches in semitones (69 is a' at 440 Hz), weights, and the part of the frames with sound that have any."""

    pitches: Profile
    weights: Profile
    tonal: float


def _pitch_class_profile(peaks: _Peaks) -> Profile:
    """Return the strength of the pitch classes from C to B; the tuning is estimated."""
    tuning = np.angle(np.sum(peaks.weights * np.exp(2j * np.pi * peaks.pitches))) / (2 * np.pi)
    classes = np.rint(peaks.pitches - tuning).astype(np.int64) % 12
    return np.bincount(classes, peaks.weights, minlength=12).astype(np.float64)


def _find_peaks(sound: Floats) -> _Peaks:
    width = RATE / _FRAME
    low, high = round(_LOWEST_HERTZ / width), round(_HIGHEST_HERTZ / width)
    pitches, weights, frames, tonal = [np.zeros(0)], [np.zeros(0)], 0, 0
    for block in spectra(sound, _FRAME, _HOP):
        margin = _AROUND_BINS
        power = np.log(np.maximum(block[:, low - margin : high + margin + 1], 1e-20)).astype(np.float64)
        before, here, after = (power[:, margin + shift : power.shape[1] - margin + shift] for shift in (-1, 0, 1))
        strongest = here.max(axis=1, keepdims=True)
        sounding = strongest > np.log(_LEAST_POWER)
        found = (here > before) & (here >= after) & (here > strongest + np.log(_PEAK_RANGE)) & sounding
        found &= here > _mean_around(power, margin) + np.log(_PROMINENCE)
        frames, tonal = frames + int(sounding.sum()), tonal + int(found.any(axis=1).sum())
        rows, bins = np.nonzero(found)
        left, top, right = before[rows, bins], here[rows, bins], after[rows, bins]
        offset = 0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9)
        hertz = (low + bins + offset) * width
        found_pitches = _A4 + 12 * np.log2(hertz / _CONCERT_PITCH)
        pitches.append(found_pitches)
        # the amplitude within each frame, so that loud passages do not outweigh all others, compressed once more
        weights.append(np.exp((top - strongest[rows, 0]) / 4) * np.where(found_pitches < _BASS_PITCH, 2, 1))
    return _Peaks(np.concatenate(pitches), np.concatenate(weights), tonal / max(1, frames))


def _mean_around(values: Profile, margin: int) -> Profile:
    """Return the mean of each value and the `margin` values on either side of it, for those that have as many."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    size = 2 * margin + 1
    return (total[:, size:] - total[:, :-size]) / size


def _correlate(profile: Profile, shape: Profile) -> float:
    return float(np.corrcoef(profile, shape)[0, 1])
