"""Tests of tempo changes at the same pitch."""

import numpy as np
import pytest

from echo_synthesis.audio.tempo import change_tempo

RATE = 24_000
TONE = (0.5 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_the_length_changes_and_the_pitch_does_not(speed: float) -> None:
    changed = change_tempo(TONE, RATE, speed)
    assert changed.dtype == np.float32
    assert len(changed) / len(TONE) == pytest.approx(1 / speed, rel=0.03)
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed))))
    assert np.argmax(spectrum) * RATE / len(changed) == pytest.approx(220, abs=5)


def test_unit_speed_changes_nothing() -> None:
    assert change_tempo(TONE, RATE, 1.0) is TONE
    assert len(change_tempo(np.zeros(0, np.float32), RATE, 2.0)) == 0
