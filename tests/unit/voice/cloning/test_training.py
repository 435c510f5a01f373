from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.style_file import MODULATION, VoiceStyle
from echo_voice.cloning.decoder import UNCHANGED, Floats, Gradient, PitchMap, Plan
from echo_voice.cloning.encoders.resemblyzer import Resemblyzer
from echo_voice.cloning.failure import CloningError
from echo_voice.cloning.objective import Encoders
from echo_voice.cloning.prosody import Contour
from echo_voice.cloning.stock import stock_embeddings
from echo_voice.cloning.training import Progress, TrainingCancelledError, TrainingConfig, train
from tests.support.recordings import harmonics

_RANDOM = np.random.default_rng(1)
_MIXING = np.asarray(_RANDOM.standard_normal((128, 12_000)) / 100, np.float32)
VOICES = {name: _RANDOM.standard_normal((510, 256)).astype(np.float32) for name in list(stock_embeddings())[:4]}
RECORDINGS = [np.asarray(_RANDOM.standard_normal(24_000) / 20, np.float32)]
SHORT = TrainingConfig(epochs=2, batch_size=8)


class LinearDecoder:
    """A decoder whose output is a mixture weighted by the timbre."""

    def __init__(self) -> None:
        self.plans: list[tuple[PitchMap, float]] = []

    def contour(self, tokens: Sequence[int], style: Floats, rate: float = 1.0) -> Contour:
        return Contour(120 * np.linspace(0.8, 1.2, 200), np.zeros(200), 0.0)

    def plan(self, tokens: Sequence[int], style: Floats, pitch: PitchMap = UNCHANGED, rate: float = 1.0) -> Plan:
        self.plans.append((pitch, rate))
        return Plan({})

    def project(self, timbres: Floats) -> Floats:
        return np.resize(timbres, (len(timbres), MODULATION))

    def speak(
        self, plan: Plan, timbre: Floats, modulation: Floats | None = None
    ) -> tuple[Floats, Callable[[Floats], Gradient]]:
        first = np.zeros(128, np.float32) if modulation is None else modulation[:128]

        def back(gradient: Floats) -> Gradient:
            mixed = np.asarray(_MIXING @ gradient, np.float32)
            return Gradient(mixed, np.pad(mixed, (0, MODULATION - 128)))

        return np.asarray((timbre + first) @ _MIXING, np.float32), back


class FirstSamples(Resemblyzer):
    """An encoder of the first 256 samples."""

    def __init__(self) -> None:
        pass

    def embed(self, samples: Floats) -> Floats:
        return np.asarray(samples[:256] / np.linalg.norm(samples[:256]), np.float32)

    def similarity(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        size = np.linalg.norm(samples[:256])
        cosine = float(samples[:256] @ target / size)
        gradient = np.zeros_like(samples)
        gradient[:256] = (target - cosine * samples[:256] / size) / size
        return cosine, gradient

    def spectral_balance(self, samples: Floats) -> Floats:
        return np.zeros(40, np.float32)

    def spectral_loss(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        return 0.0, np.zeros_like(samples)


class Mistaken(FirstSamples):
    """A held-out encoder for which every voice is less similar than the one before."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, samples: Floats) -> Floats:
        self.asked += 1
        vector = np.zeros(2, np.float32)
        vector[:] = np.cos(self.asked / 100), np.sin(self.asked / 100)
        return vector


ENCODERS = Encoders(FirstSamples(), [(FirstSamples(), 1.0)], FirstSamples())


def _train(config: TrainingConfig = SHORT, **more) -> VoiceStyle:
    return train(RECORDINGS, VOICES, LinearDecoder(), ENCODERS, config, **more).voice


@pytest.mark.slow
def test_every_epoch_increases_similarity():
    steps: list[Progress] = []
    voice = _train(TrainingConfig(epochs=20, batch_size=8, restraint=0), progress=steps.append)
    assert voice.table.dtype == np.float32
    assert [at.step for at in steps] == list(range(1, len(steps) + 1))
    assert np.mean([at.similarity for at in steps[-4:]]) > steps[0].similarity + 0.1
    assert steps[-1].held_out > steps[3].held_out + 0.1


def test_prosody_comes_from_stock_voices_and_the_timbre_change_is_the_same_for_all_lengths():
    steps: list[Progress] = []
    voice = _train(progress=steps.append).table
    start = steps[0].table
    assert np.array_equal(voice[:, 128:], start[:, 128:])
    assert np.ptp(voice[:, :128] - start[:, :128], axis=0) == pytest.approx(np.zeros(128), abs=1e-5)


def test_resumed_trainings_give_the_same_result(tmp_path: Path):
    steps: list[Progress] = []
    with pytest.raises(TrainingCancelledError):
        _train(progress=steps.append, cancelled=lambda: len(steps) == 3)
    steps[-1].save(tmp_path / "training.npz")
    resumed, whole = _train(resume=Progress.load(tmp_path / "training.npz")), _train()
    assert np.array_equal(resumed.table, whole.table)
    assert np.array_equal(resumed.modulation, whole.modulation)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: whole.replace(b"'descr'", b"(descr'"),
        lambda whole: whole.replace(b"held_out", b"renamed_"),
        lambda whole: whole.replace(b"pitch.npy", b"other.npy"),
    ],
    ids=["cut", "empty", "header", "unknown field", "missing field"],
)
def test_a_damaged_state_is_not_resumed(damage: Callable[[bytes], bytes], tmp_path: Path):
    stock = next(iter(VOICES))
    Progress(VOICES[stock], stock).save(tmp_path / "training.npz")
    assert Progress.load(tmp_path / "training.npz") is not None
    (tmp_path / "training.npz").write_bytes(damage((tmp_path / "training.npz").read_bytes()))
    assert Progress.load(tmp_path / "training.npz") is None


def test_a_state_with_another_number_of_offsets_is_not_resumed(tmp_path: Path):
    stock = next(iter(VOICES))
    Progress(VOICES[stock], stock, best=np.zeros(128, np.float32)).save(tmp_path / "training.npz")
    assert Progress.load(tmp_path / "training.npz") is None


def test_a_state_of_an_earlier_version_is_not_resumed(tmp_path: Path):
    np.savez(tmp_path / "training.npz", table=np.zeros((510, 256), np.float32), step=3, moved=np.zeros(128, np.float32))
    assert Progress.load(tmp_path / "training.npz") is None


def test_the_result_is_the_one_that_the_held_out_encoder_found_most_similar_and_training_ends_without_gain():
    steps: list[Progress] = []
    config = TrainingConfig(epochs=4)
    encoders = Encoders(FirstSamples(), [(FirstSamples(), 1.0)], Mistaken())
    trained = train(RECORDINGS, VOICES, LinearDecoder(), encoders, config, progress=steps.append)
    assert len(steps) == 12
    assert steps[-1].worse == 2
    assert steps[-1].held_out == steps[3].held_out
    mean = np.mean([np.zeros(128, np.float32), *(at.descent.offset[:128] for at in steps[:3])], axis=0)
    spread = np.stack([table[:, :128] for table in VOICES.values()]).std(axis=(0, 1)) + 1e-3
    assert trained.voice.table[0, :128] - trained.start.table[0, :128] == pytest.approx(mean * spread, abs=1e-5)
    assert np.array_equal(trained.start.table, steps[0].table)
    assert trained.stock in VOICES


def test_a_professional_clone_is_trained_on_more_sentences():
    steps: list[Progress] = []
    _train(TrainingConfig(kind="professional", batch_size=16), progress=steps.append)
    assert len(steps) == 3 * TrainingConfig(batch_size=16).steps


def test_every_improvement_can_be_heard_before_the_end_and_when_resumed():
    heard: list[VoiceStyle] = []
    steps: list[Progress] = []
    config = TrainingConfig(epochs=8, batch_size=8, restraint=0)
    voice = _train(config, progress=steps.append, improved=heard.append)
    assert len(heard) == len({at.held_out for at in steps} - {-1.0}) > 1
    assert np.array_equal(heard[-1].table, voice.table)
    assert np.array_equal(heard[-1].modulation, voice.modulation)
    again: list[VoiceStyle] = []
    with pytest.raises(TrainingCancelledError):
        _train(config, resume=steps[5], improved=again.append, cancelled=lambda: True)
    assert np.array_equal(again[0].table, heard[0].table)


def test_the_last_step_needs_no_gradient():
    class CountingDecoder(LinearDecoder):
        def speak(
            self, plan: Plan, timbre: Floats, modulation: Floats | None = None
        ) -> tuple[Floats, Callable[[Floats], Gradient]]:
            samples, back = super().speak(plan, timbre, modulation)

            def counting(gradient: Floats) -> Gradient:
                counted.append(gradient)
                return back(gradient)

            return samples, counting

    counted: list[Floats] = []
    steps: list[Progress] = []
    train(RECORDINGS, VOICES, CountingDecoder(), ENCODERS, TrainingConfig(batch_size=4), progress=steps.append)
    assert (len(steps), len(counted)) == (4, 12)


def test_without_modulation_only_the_timbre_changes():
    assert not _train(TrainingConfig(modulation=0)).modulation.any()
    assert _train(TrainingConfig()).modulation.any()


def test_the_timbre_is_trained_at_the_speakers_pitch_also_when_resumed(tmp_path: Path):
    steps: list[Progress] = []
    decoder = LinearDecoder()
    voice = train([harmonics(230, 2)], VOICES, decoder, ENCODERS, SHORT, progress=steps.append).voice
    pitch = PitchMap(voice.pitch_scale, voice.pitch_shift)
    assert pitch.scale * 120 + pitch.shift == pytest.approx(230, rel=0.02)
    assert set(decoder.plans) == {(pitch, voice.rate)}
    assert voice.rate != 1
    steps[1].save(tmp_path / "training.npz")
    again = _train(resume=Progress.load(tmp_path / "training.npz"))
    assert (again.pitch_scale, again.pitch_shift, again.rate) == (voice.pitch_scale, voice.pitch_shift, voice.rate)


def test_restraint_keeps_the_voice_near_its_start():
    free, held = (_train(TrainingConfig(epochs=10, batch_size=8, restraint=pull)) for pull in (0.0, 50.0))
    first: list[Progress] = []
    _train(progress=first.append)
    start = first[0].table
    assert np.abs(held.table - start).mean() < np.abs(free.table - start).mean()


def test_a_training_that_diverges_says_so():
    with pytest.raises(CloningError, match="smaller learning rate"):
        _train(TrainingConfig(epochs=10, learning_rate=1e4, restraint=0))


def test_silent_recordings_are_refused():
    silent = [*RECORDINGS, np.zeros(24_000, np.float32)]
    with pytest.raises(CloningError, match="silent"):
        train(silent, VOICES, LinearDecoder(), ENCODERS, SHORT)


@pytest.mark.parametrize(("size", "steps"), [(1, 32), (8, 4), (5, 8), (100, 2)])
def test_a_larger_batch_takes_fewer_steps(size: int, steps: int):
    assert TrainingConfig(epochs=2, batch_size=size).steps == steps
