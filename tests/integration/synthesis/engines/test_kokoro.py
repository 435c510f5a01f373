"""Tests of Kokoro's changed graph with the real models."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.formats import FORMATS
from echo_common.audio.style_file import MODULATION, read_style
from echo_synthesis.audio.encode import Encoder
from echo_synthesis.engine import Engine, EngineConfig, IdleEngine, PreparingEngine, Speech, Utterance
from echo_synthesis.engines.kokoro import FLOAT_MODEL, SPEC, folder
from echo_synthesis.engines.kokoro.calibration import measure_ranges
from echo_synthesis.engines.kokoro.correctness import START, check, problem
from echo_synthesis.engines.kokoro.quantise import quantise
from echo_synthesis.engines.kokoro.ranges import read_ranges
from echo_synthesis.engines.kokoro.runtimes import BACKENDS, FLOAT32, REFERENCE, available
from echo_synthesis.quality.signal_check import find_problems
from echo_synthesis.speech_check import check_speech
from echo_synthesis.text.words import find_words
from echo_voice.cloning.pitch import median_pitch
from echo_voice.cloning.resampling import down
from tests.support.models import Models

LONG = "a boat came in and seven letters lay on the long road by the river, " * 4
FRAME = 600


@pytest.fixture(scope="module")
def kokoro(speech_models: Models) -> Engine:
    return SPEC.load(EngineConfig(speech_models("kokoro"), threads=2))


def spoken(kokoro: Engine, text: str, voice: str = "af_heart", take: int = 0) -> Speech:
    return kokoro.speak(Utterance(text, tuple(find_words(text, SPEC.max_characters)), voice, "en-US", 1.0, take=take))


def test_loud_sentences_are_limited_instead_of_clipped(kokoro: Engine) -> None:
    samples = spoken(kokoro, "This is Echo, number nine, speaking from your own machine.").samples
    encoder = Encoder(FORMATS["pcm"], SPEC.sample_rate)
    heard = np.frombuffer(encoder.feed(samples) + encoder.close(), "<i2").astype(np.float32) / 32767
    assert np.abs(samples).max() > 1.0
    assert np.abs(heard).max() <= 10 ** (-1 / 20) + 1 / 32767
    assert np.count_nonzero(np.abs(heard) == np.abs(heard).max()) <= 2  # a clipped peak is a row of them


@pytest.mark.parametrize("voice", ["af_heart", pytest.param("am_adam", marks=pytest.mark.full)])
def test_long_sentences_keep_their_loudness(kokoro: Engine, voice: str) -> None:
    samples = spoken(kokoro, LONG, voice).samples
    first, *_, last = (np.sqrt(np.mean(part**2)) for part in np.array_split(samples, 4))
    assert last > 0.7 * first


def test_another_take_differs_and_is_plausible(kokoro: Engine) -> None:
    text = "A boat came in, and seven letters lay on the road."
    utterance = Utterance(text, tuple(find_words(text, SPEC.max_characters)), "af_heart", "en-US")
    takes = [spoken(kokoro, text, take=take) for take in range(6)]
    assert len({speech.samples.tobytes() for speech in takes}) == 6
    for speech in takes:
        check_speech(SPEC, utterance, speech)
        assert find_problems(utterance, speech) == ()
        assert 0.9 < speech.duration / takes[0].duration < 1.3


def test_padding_silence_is_removed(kokoro: Engine) -> None:
    for words in range(1, 9):
        speech = spoken(kokoro, " ".join(LONG.split()[:words]) + ".")
        assert len(speech.samples) % FRAME == 0
        assert speech.duration - speech.words[-1].end < 0.6


def test_every_backend_of_this_machine_matches_the_reference(speech_models: Models) -> None:
    found = {backend.backend: backend for backend in SPEC.backends(speech_models("kokoro"))}
    assert set(found) >= set(available()) - FLOAT32
    assert {name: backend.problem for name, backend in found.items() if backend.problem} == {}
    assert [backend.selected for backend in found.values()].count(True) == 1


def test_the_stored_reference_matches_the_model(speech_models: Models) -> None:
    home = folder(speech_models("kokoro"))
    assert check(BACKENDS[REFERENCE](home, 2), home, [START])["spectrum"] < 0.5


def test_the_stored_ranges_are_those_of_the_model_with_a_margin(speech_models: Models) -> None:
    stored, found = read_ranges(), measure_ranges(folder(speech_models("kokoro")), [START])
    assert set(found) == set(stored)
    assert [name for name, (low, high) in found.items() if low < stored[name][0] or high > stored[name][1]] == []


@pytest.mark.parametrize("name", [name for name in BACKENDS if "int8" in name and "openvino" in name])
def test_quantised_models_match_the_reference_and_need_a_range_for_each_convolution(speech_models: Models, name: str) -> None:
    if not any(other.startswith(name) for other in available()):  # without BF16 is possible where BF16 is
        pytest.skip(f"this processor does not support {name}")
    home = folder(speech_models("kokoro"))
    assert problem(check(BACKENDS[name](home, 2), home, [START])) is None
    import openvino

    model = openvino.Core().read_model(home / FLOAT_MODEL)
    with pytest.raises(KeyError, match="generator"):
        quantise(model, dict(list(read_ranges().items())[1:]))


def test_a_prepared_engine_speaks_the_same(kokoro: Engine) -> None:
    before = spoken(kokoro, "Stop here.").samples
    assert isinstance(kokoro, PreparingEngine)
    assert len(list(kokoro.prepare())) in {0, 8}
    assert np.array_equal(spoken(kokoro, "Stop here.").samples, before)


@pytest.mark.full
def test_released_memory_does_not_affect_the_next_sentence(kokoro: Engine) -> None:
    before = spoken(kokoro, LONG).samples
    assert isinstance(kokoro, IdleEngine)
    kokoro.release_memory()
    assert np.array_equal(spoken(kokoro, LONG).samples, before)


def test_truncated_compiled_models_are_recompiled(speech_models: Models, tmp_path: Path) -> None:
    compiling = next((name for name in available() if name.startswith("openvino")), None)
    if compiling is None:
        pytest.skip("OpenVINO is not installed for this processor")
    models = folder(speech_models("kokoro"))
    home = tmp_path / "kokoro"
    home.mkdir()
    (home / FLOAT_MODEL).symlink_to(models / FLOAT_MODEL)
    (home / "voices").symlink_to(models / "voices")
    assert problem(check(BACKENDS[compiling](home, 2), home, [START])) is None
    (blob,) = home.glob("compiled/*/*.blob")
    whole = blob.stat().st_size
    blob.chmod(0o600)
    os.truncate(blob, whole // 2)
    assert problem(check(BACKENDS[compiling](home, 2), home, [START])) is None
    (blob,) = home.glob("compiled/*/*.blob")
    assert blob.stat().st_size > 0.9 * whole  # names of operations differ from one compilation to the next


def test_a_voice_is_adapted_in_pitch_rate_and_timbre(kokoro: Engine, speech_models: Models, tmp_path: Path) -> None:
    plain = read_style(folder(speech_models("kokoro")) / "voices" / "am_adam.bin")
    modulation = np.random.default_rng(1).normal(0, 0.05, MODULATION).astype(np.float16)
    voices = {
        "same": plain,
        "higher": replace(plain, pitch_scale=1.0, pitch_shift=40.0),
        "slower": replace(plain, rate=0.8),
        "other": replace(plain, modulation=modulation),
    }
    found = {}
    for name, style in voices.items():
        style.save(tmp_path / name)
        found[name] = spoken(kokoro, LONG, voice=f"file:{tmp_path / name}").samples
    assert np.array_equal(found["same"], spoken(kokoro, LONG, voice="am_adam").samples)
    same, higher = (median_pitch([down(found[name])]) for name in ("same", "higher"))
    assert same is not None
    assert higher == pytest.approx(same + 40, abs=6)
    assert len(found["higher"]) == len(found["same"]) == len(found["other"])
    assert len(found["slower"]) == pytest.approx(len(found["same"]) / 0.8, rel=0.1)
    assert np.corrcoef(found["same"], found["other"])[0, 1] < 0.99
