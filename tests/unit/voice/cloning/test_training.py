from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from echo_voice.cloning.decoder import UNCHANGED, Floats, Gradient, PitchMap, Plan
from echo_voice.cloning.encoder import EncoderNetwork
from echo_voice.cloning.stock import stock_embeddings
from echo_voice.cloning.training import Progress, TrainingCancelledError, TrainingConfig, train

_RANDOM = np.random.default_rng(1)
_MIXING = np.asarray(_RANDOM.standard_normal((128, 12_000)) / 100, np.float32)
VOICES = {name: _RANDOM.standard_normal((510, 256)).astype(np.float32) for name in list(stock_embeddings())[:4]}
RECORDINGS = [np.asarray(_RANDOM.standard_normal(24_000) / 20, np.float32)]
SHORT = TrainingConfig(epochs=2, batch_size=8)


class LinearDecoder:
    """A decoder whose output is a mixture weighted by the timbre."""

    def plan(self, tokens: Sequence[int], style: Floats, pitch: PitchMap = UNCHANGED) -> Plan:
        return Plan({}, 120.0 + float(style[128]))

    def speak(
        self, plan: Plan, timbre: Floats, modulation: Floats | None = None
    ) -> tuple[Floats, Callable[[Floats], Gradient]]:
        def back(gradient: Floats) -> Gradient:
            return Gradient(np.asarray(_MIXING @ gradient, np.float32), np.zeros(1, np.float32))

        return np.asarray(timbre @ _MIXING, np.float32), back


class FirstSamples(EncoderNetwork):
    """An encoder of the first 256 samples."""

    def __init__(self) -> None:
        pass

    def embed(self, samples: Floats) -> Floats:
        return np.asarray(samples[:256] / np.linalg.norm(samples[:256]), np.float32)

    def likeness(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        size = np.linalg.norm(samples[:256])
        cosine = float(samples[:256] @ target / size)
        gradient = np.zeros_like(samples)
        gradient[:256] = (target - cosine * samples[:256] / size) / size
        return cosine, gradient

    def spectral_balance(self, samples: Floats) -> Floats:
        return np.zeros(40, np.float32)

    def spectral_loss(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        return 0.0, np.zeros_like(samples)


def _train(config: TrainingConfig = SHORT, **more) -> Floats:
    return train(RECORDINGS, VOICES, LinearDecoder(), FirstSamples(), config, **more)


@pytest.mark.slow
def test_every_epoch_increases_similarity():
    steps: list[Progress] = []
    voice = _train(TrainingConfig(epochs=20, batch_size=8, restraint=0), progress=steps.append)
    assert voice.shape == (510, 1, 256)
    assert voice.dtype == np.float32
    assert [at.step for at in steps] == list(range(1, 41))
    assert np.mean([at.likeness for at in steps[-4:]]) > steps[0].likeness + 0.1


def test_prosody_comes_from_stock_voices_and_the_timbre_change_is_the_same_for_all_lengths():
    steps: list[Progress] = []
    voice = _train(progress=steps.append)[:, 0]
    start = steps[0].table
    assert np.array_equal(voice[:, 128:], start[:, 128:])
    assert np.ptp(voice[:, :128] - start[:, :128], axis=0) == pytest.approx(np.zeros(128), abs=1e-5)


def test_resumed_trainings_give_the_same_result(tmp_path: Path):
    steps: list[Progress] = []
    with pytest.raises(TrainingCancelledError):
        _train(progress=steps.append, cancelled=lambda: len(steps) == 3)
    steps[-1].save(tmp_path / "training.npz")
    assert np.array_equal(_train(resume=Progress.load(tmp_path / "training.npz")), _train())


def test_restraint_keeps_the_voice_near_its_start():
    free, held = (_train(TrainingConfig(epochs=10, batch_size=8, restraint=pull)) for pull in (0.0, 50.0))
    first: list[Progress] = []
    _train(progress=first.append)
    start = first[0].table
    assert np.abs(held[:, 0] - start).mean() < np.abs(free[:, 0] - start).mean()


@pytest.mark.parametrize(("size", "steps"), [(1, 32), (8, 4), (5, 8), (100, 2)])
def test_a_larger_batch_takes_fewer_steps(size: int, steps: int):
    assert TrainingConfig(epochs=2, batch_size=size).steps == steps
