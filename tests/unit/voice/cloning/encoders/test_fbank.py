import numpy as np
import pytest

from echo_voice.cloning.encoders.fbank import BANDS, FRAME, HOP, FilterBank, Floats


@pytest.fixture(scope="module")
def bank() -> FilterBank:
    return FilterBank()


def _tone(frequency: float, samples: int = 8000) -> Floats:
    return (0.1 * np.sin(2 * np.pi * frequency * np.arange(samples) / 16_000)).astype(np.float32)


def _mel(frequency: float) -> float:
    return 1127 * float(np.log1p(frequency / 700))


@pytest.mark.parametrize("frequency", [200, 1000, 5000])
def test_a_tone_that_begins_is_strongest_in_its_band(bank: FilterBank, frequency: float) -> None:
    samples = np.concatenate([np.zeros(8000, np.float32), _tone(frequency)])
    width = (_mel(8000) - _mel(20)) / (BANDS + 1)
    band = (_mel(frequency) - _mel(20)) / width - 1
    assert abs(int(bank.compute(samples).values[-1].argmax()) - band) < 1


@pytest.mark.parametrize(("samples", "frames"), [(FRAME, 1), (FRAME + HOP - 1, 1), (FRAME + HOP, 2)])
def test_only_complete_frames_count(bank: FilterBank, samples: int, frames: int) -> None:
    assert bank.compute(_tone(300, samples)).values.shape == (frames, BANDS)


def test_neither_level_nor_offset_changes_the_features(bank: FilterBank) -> None:
    noise = (np.random.default_rng(2).standard_normal(8000) / 10).astype(np.float32)
    expected = bank.compute(noise).values
    assert bank.compute(noise * np.float32(0.5)).values == pytest.approx(expected, abs=1e-3)
    assert bank.compute(noise + np.float32(0.2)).values == pytest.approx(expected, abs=1e-2)


def test_the_gradient_equals_finite_differences(bank: FilterBank) -> None:
    random = np.random.default_rng(4)
    samples = (random.standard_normal(2000) / 10).astype(np.float32)
    features = bank.compute(samples)
    seed = random.standard_normal(features.values.shape).astype(np.float32)
    gradient = bank.backward(seed, features, len(samples))
    direction = gradient / np.square(gradient, dtype=np.float64).sum() * 0.1
    ends = [(bank.compute((samples + sign * direction).astype(np.float32)).values * seed).sum() for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 0.2 == pytest.approx(1, rel=0.02)
