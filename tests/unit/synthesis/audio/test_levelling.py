"""Tests of levelling between sentences."""

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.loudness import measure_loudness
from echo_synthesis.audio.loudness import USUAL, level

RATE = 24_000


def tone(level: float) -> NDArray[np.float32]:
    """Return a sine with its peak at `level` dBFS."""
    return (10 ** (level / 20) * np.sin(2 * np.pi * 997 * np.arange(3 * RATE) / RATE)).astype(np.float32)


def test_silence_is_unchanged() -> None:
    silence = np.zeros(RATE, np.float32)
    assert np.array_equal(level(silence, RATE), silence)


def test_sentences_seven_decibels_apart_come_within_two() -> None:
    levels = [measure_loudness(level(tone(peak), RATE), RATE) for peak in (-20.5, -17.0, -13.5)]
    found = [lufs for lufs in levels if lufs is not None]
    assert max(found) - min(found) <= 2.0
    assert all(abs(lufs - USUAL) <= 2.0 for lufs in found)
    assert found == sorted(found), "an exclamation stays louder"


def test_quiet_audio_with_high_peaks_is_not_clipped() -> None:
    quiet = tone(-40.0)
    quiet[:: RATE // 10] = 0.9
    assert np.abs(level(quiet, RATE)).max() <= 0.95
