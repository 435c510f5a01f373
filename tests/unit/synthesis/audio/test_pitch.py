"""Tests of pitch changes at the same pace, without seams."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_synthesis.audio.effects import Effects
from echo_synthesis.audio.pitch import Pitch

pytestmark = pytest.mark.slow

RATE = 24_000
FACTORS = [0.5, 0.7, 0.9, 1.1, 1.25, 1.6, 2.0]


def voice(seconds: float = 3.0, hertz: float = 140.0) -> NDArray[np.float32]:
    """Return harmonics with three formants, like a vowel."""
    times = np.arange(round(seconds * RATE)) / RATE
    harmonics = np.arange(1, 40) * hertz
    formants = np.sum([np.exp(-(((harmonics - centre) / 200) ** 2)) for centre in (600, 1_200, 2_500)], axis=0)
    sound = formants @ np.sin(2 * np.pi * np.outer(harmonics, times))
    return np.asarray(0.4 * sound / np.abs(sound).max(), np.float32)


def fundamental(samples: NDArray[np.float32], lowest: float = 40.0, highest: float = 450.0) -> float:
    """Return the fundamental in Hz by autocorrelation: the shortest lag close to the maximum."""
    similar = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2)
    first, last = int(RATE / highest), int(RATE / lowest)
    peaks = [lag for lag in range(first, last) if similar[lag] == similar[lag - 5 : lag + 6].max()]
    best = max(similar[lag] for lag in peaks)
    peak = next(lag for lag in peaks if similar[lag] > 0.85 * best)
    left, middle, right = similar[peak - 1 : peak + 2]
    return float(RATE / (peak + 0.5 * (left - right) / (left - 2 * middle + right)))


def shifted(samples: NDArray[np.float32], factor: float, cuts: list[int] | None = None) -> NDArray[np.float32]:
    pitch = Pitch(RATE, factor)
    edges = [0, *(cuts or []), len(samples)]
    return np.concatenate([*(pitch.feed(samples[a:b]) for a, b in pairwise(edges)), pitch.close()])


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("hertz", [95.0, 140.0, 180.0])
def test_the_pitch_is_within_two_percent_and_the_length_is_the_same(factor: float, hertz: float) -> None:
    samples = voice(hertz=hertz)
    heard = shifted(samples, factor)
    assert len(heard) == len(samples)
    assert fundamental(heard[RATE // 2 : -RATE // 2]) == pytest.approx(hertz * factor, rel=0.02)


@pytest.mark.parametrize("factor", FACTORS)
def test_chunks_give_exactly_the_same_audio_as_the_whole(factor: float) -> None:
    samples = voice()
    assert np.array_equal(shifted(samples, factor, [1, 7, 1_000, 1_001, 30_000, 30_000]), shifted(samples, factor))


@pytest.mark.parametrize("factor", FACTORS)
def test_pitch_changes_preserve_timing(factor: float) -> None:
    silence = np.zeros(RATE // 2, np.float32)
    samples = np.concatenate([part for _ in range(20) for part in (silence, voice(0.5))])
    heard = shifted(samples, factor)
    loud = np.abs(heard).reshape(-1, RATE // 100).max(axis=1) > 0.05
    rises = np.flatnonzero(np.diff(loud.astype(int)) == 1) + 1
    starts = [rise for rise, before in zip(rises, [-100, *rises[:-1]], strict=True) if rise - before > 50]
    assert len(starts) == 20
    assert all(abs(start - (50 + 100 * number)) <= 3 for number, start in enumerate(starts)), "in hundredths of a second"


@pytest.mark.parametrize("factor", FACTORS)
def test_the_end_is_not_truncated(factor: float) -> None:
    heard = shifted(voice(), factor)
    assert np.abs(heard[-RATE // 20 :]).max() > 0.1


def test_without_effects_audio_is_unchanged() -> None:
    samples = voice(0.5)
    effects = Effects(RATE)
    assert np.array_equal(np.concatenate([effects.feed(samples), effects.close()]), samples)


def test_empty_streams_stay_empty() -> None:
    effects = Effects(RATE, pitch=1.5)
    assert len(effects.feed(np.zeros(0, np.float32))) == len(effects.close()) == 0
