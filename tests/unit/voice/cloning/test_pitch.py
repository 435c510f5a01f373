import numpy as np
import pytest

from echo_voice.cloning.pitch import median_pitch, pitch_contour
from echo_voice.cloning.resampling import down, down_transposed
from tests.support.recordings import harmonics


@pytest.mark.parametrize("pitch", [80, 120, 190, 300])
def test_pitch_is_detected_in_noise(pitch: int):
    voice = harmonics(pitch, 2)
    noise = np.random.default_rng(0).standard_normal(len(voice)) / 100
    assert median_pitch([(voice + noise).astype(np.float32)]) == pytest.approx(pitch, rel=0.03)


def test_a_stretch_whose_periods_alternate_is_not_an_octave_lower():
    at = np.arange(0, 16_000, 80)
    pulses = np.zeros(16_000)
    pulses[at] = np.where((at > 7_000) & (at < 8_600) & (at % 160 > 0), 0.3, 1.0)
    decay = np.arange(200)
    resonance = np.exp(-decay / 25) * np.sin(2 * np.pi * 700 * decay / 16_000)
    contour = pitch_contour(np.convolve(pulses, resonance)[:16_000].astype(np.float32))
    assert contour[contour > 0] == pytest.approx(200, rel=0.02)


def test_noise_and_silence_have_no_pitch():
    assert median_pitch([np.zeros(16_000, np.float32)]) is None
    assert median_pitch([np.random.default_rng(0).standard_normal(16_000).astype(np.float32)]) is None


@pytest.mark.parametrize("length", [24_000, 24_001, 24_002])
def test_resampling_preserves_tones_and_its_gradient_is_the_transpose(length: int):
    tone = np.sin(2 * np.pi * 440 * np.arange(length) / 24_000).astype(np.float32)
    narrow = down(tone)
    assert narrow[200:-200] == pytest.approx(np.sin(2 * np.pi * 440 * np.arange(len(narrow)) / 16_000)[200:-200], abs=2e-3)
    probe = np.random.default_rng(1).standard_normal(len(narrow)).astype(np.float32)
    assert float(narrow @ probe) == pytest.approx(float(tone @ down_transposed(probe, length)), abs=1e-2)
