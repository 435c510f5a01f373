"""Tests of loudness normalisation between sentences."""

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_synthesis.audio.loudness import USUAL, level, loudness

RATE = 24_000


def tone(level: float, hertz: float = 997.0, seconds: float = 3.0, rate: int = RATE) -> NDArray[np.float32]:
    """Return a sine with its peak at `level` dBFS."""
    return (10 ** (level / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_a_sine_has_the_loudness_of_the_recommendation(rate: int) -> None:
    assert loudness(tone(-20.0, rate=rate), rate) == pytest.approx(-23.0, abs=0.1)


def test_low_tones_weigh_less_and_high_tones_more() -> None:
    low, middle, high = (loudness(tone(-20.0, hertz), RATE) for hertz in (40.0, 997.0, 4_000.0))
    assert low is not None
    assert middle is not None
    assert high is not None
    assert low < middle - 3
    assert high == pytest.approx(middle + 3.3, abs=0.5)


def test_pauses_do_not_affect_loudness() -> None:
    sound, silence = tone(-20.0), np.zeros(RATE * 10, np.float32)
    assert loudness(np.concatenate([silence, sound, silence]), RATE) == pytest.approx(-23.0, abs=0.5)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(RATE, np.float32), np.zeros(1, np.float32)])
def test_silence_has_no_loudness_and_is_unchanged(samples: NDArray[np.float32]) -> None:
    assert loudness(samples, RATE) is None
    assert np.array_equal(level(samples, RATE), samples)


def test_sentences_seven_decibels_apart_come_within_two() -> None:
    levels = [loudness(level(tone(peak), RATE), RATE) for peak in (-20.5, -17.0, -13.5)]
    found = [lufs for lufs in levels if lufs is not None]
    assert max(found) - min(found) <= 2.0
    assert all(abs(lufs - USUAL) <= 2.0 for lufs in found)
    assert found == sorted(found), "an exclamation stays louder"


def test_quiet_audio_with_high_peaks_is_not_clipped() -> None:
    quiet = tone(-40.0)
    quiet[:: RATE // 10] = 0.9
    assert np.abs(level(quiet, RATE)).max() <= 0.95


def test_short_words_have_a_loudness() -> None:
    assert loudness(tone(-20.0, seconds=0.15), RATE) == pytest.approx(-23.0, abs=0.3)
