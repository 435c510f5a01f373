"""Estimates of qualities that listeners judge: weighted sums of measures, defined in docs/listening.md."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo_listening.features.rhythm import Rhythm
from echo_listening.features.spectrum import FRAMES_PER_SECOND, BandSpectrum, Floats
from echo_listening.features.tonality import Tonality
from echo_listening.features.voice import Voice

_MOSTLY_SPEECH = 0.66
_DANCED_BPM, _DANCED_OCTAVES = 118.0, 0.6


@dataclass(frozen=True, slots=True)
class Timbre:
    """The timbre of the frames that are not silent, each from 0 to 1.

    `brightness` is the centre of gravity of the loudness of the bands, from 300 Hz to 3 kHz on a logarithmic scale, `noisiness` the
    flatness of the spectrum, `dynamics` the range of levels up to 20 dB, and `audience` the part of the time with a noise like
    applause: at least half a second that is noisy above 500 Hz.
    """

    brightness: float
    noisiness: float
    dynamics: float
    audience: float


def measure_timbre(spectrum: BandSpectrum) -> Timbre:
    """Measure the timbre of a track."""
    power, active = spectrum.power, spectrum.active
    if not active.any():
        return Timbre(0.0, 0.0, 0.0, 0.0)
    heard, loudness = power[active], spectrum.loudness[active]
    centroid = np.exp(loudness @ np.log(spectrum.centres) / np.maximum(loudness.sum(axis=1), 1e-12))
    flatness = _flatness(power[:, spectrum.centres > 500])
    levels = spectrum.levels[active]
    return Timbre(
        brightness=_part(float(np.median(np.log(centroid))), np.log(300), np.log(3_000)),
        noisiness=float(np.median(_flatness(heard))),
        dynamics=_part(float(np.percentile(levels, 90) - np.percentile(levels, 10)), 0, 20),
        audience=_sustained((flatness > 0.4) & active) / int(active.sum()),
    )


def estimate_energy(loudness: float, rhythm: Rhythm, timbre: Timbre) -> float:
    """Estimate the perceived intensity: loudness, onsets, brightness and noisiness."""
    loud, busy = _part(loudness, -40, -8), _part(rhythm.onsets, 0, 8)
    return 0.55 * loud + 0.2 * busy + 0.15 * timbre.brightness + 0.1 * timbre.noisiness


def estimate_danceability(rhythm: Rhythm) -> float:
    """Estimate how well one can dance to a track: clear and steady pulse, strong bass, a tempo near 118 BPM; 0 without a tempo."""
    if rhythm.tempo is None:
        return 0.0
    usual = float(np.exp(-0.5 * (np.log2(rhythm.tempo / _DANCED_BPM) / _DANCED_OCTAVES) ** 2))
    pulse = 0.5 * rhythm.clarity + 0.2 * rhythm.stability + 0.3 * rhythm.bass
    return pulse * (0.4 + 0.6 * usual)


def estimate_valence(rhythm: Rhythm, tonality: Tonality, timbre: Timbre, energy: float) -> float | None:
    """Estimate how positive a track sounds: mode, tempo, brightness and energy; None without a key and a tempo."""
    if tonality.key < 0 and rhythm.tempo is None:
        return None
    major = _part(tonality.majorness, -0.2, 0.2) if tonality.key >= 0 else 0.5
    fast = _part(np.log2(rhythm.tempo), np.log2(60), np.log2(160)) if rhythm.tempo is not None else 0.5
    return 0.45 * major + 0.3 * fast + 0.1 * timbre.brightness + 0.15 * energy


def estimate_speechiness(voice: Voice, rhythm: Rhythm, tonality: Tonality) -> float:
    """Estimate how much of a track is spoken: speech counts half if it is accompanied by music."""
    music = max(rhythm.clarity if rhythm.tempo is not None else 0.0, min(1.0, tonality.contrast))
    return voice.speech * (1 - 0.5 * voice.accompaniment * min(1.0, 2 * music))


def estimate_acousticness(timbre: Timbre, rhythm: Rhythm) -> float:
    """Estimate whether a track sounds acoustic: dark, tonal, dynamic, without a mechanical pulse."""
    return (
        0.35 * (1 - timbre.brightness)
        + 0.25 * (1 - min(1.0, 2 * timbre.noisiness))
        + 0.2 * timbre.dynamics
        + 0.2 * (1 - rhythm.clarity * rhythm.stability)
    )


def estimate_liveness(timbre: Timbre) -> float:
    """Estimate whether an audience is heard: applause or its noise; full from a fifth of the time."""
    return _part(timbre.audience, 0, 0.2)


def is_mostly_speech(speechiness: float) -> bool:
    """Return whether a track has no key and no tempo because it is spoken."""
    return speechiness >= _MOSTLY_SPEECH


def _flatness(power: Floats) -> Floats:
    """Return geometric by arithmetic mean of the bands of each frame: near 1 for noise, near 0 for a tone."""
    values = np.maximum(power, 1e-12)
    return np.asarray(np.exp(np.log(values).mean(axis=1)) / values.mean(axis=1), np.float32)


def _sustained(found: NDArray[np.bool_]) -> int:
    """Return the number of frames in runs of at least half a second."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], found.astype(np.int8), [0]])))
    lengths = changes[1::2] - changes[::2]
    return int(lengths[lengths >= FRAMES_PER_SECOND / 2].sum())


def _part(value: float, none: float, full: float) -> float:
    return float(np.clip((value - none) / (full - none), 0, 1))
