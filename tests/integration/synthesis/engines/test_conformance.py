"""Behaviour suite of every engine folder; remote engines call a local provider."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.ipa import is_ipa
from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, Speech, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from echo_synthesis.text.ipa import join_symbols
from echo_synthesis.text.words import find_words
from tests.support.models import Models

LOCAL = ("kokoro", "piper", "tone")
CLOUD = ("gemini", "fish")
TEXTS = [
    "Hello.",
    "Dr. Smith said, in the morning, that 3 of the 12 birds had flown away!",
    "“Well,” she whispered, “it’s $5.50 — or 50% of the U.S. price…”",  # noqa: RUF001
    "No punctuation at all in the middle of the night",
    "Naïve café owners 日本 ☃ emoji 🙂 und Grüße",
    "1,234,567.89 at 10:30 on 24/12/1984 for C++ & e-mail@example.com",
    "x",
    "supercalifragilisticexpialidocious" * 8,
]


@pytest.fixture(scope="module", params=(*LOCAL, *CLOUD))
def loaded(request: pytest.FixtureRequest) -> tuple[EngineSpec, EngineConfig, Engine]:
    models = folder_for(request.param, request)
    spec = discover({request.param})[request.param]
    config = EngineConfig(models, threads=2)
    return spec, config, spec.load(config)


def folder_for(engine: str, request: pytest.FixtureRequest) -> Path:
    """Return the folder of the engine's models, or start its provider."""
    if engine in CLOUD:
        request.getfixturevalue(engine)
        return Path()
    models: Models = request.getfixturevalue("speech_models")
    return models(engine)


def utter(spec: EngineSpec, config: EngineConfig, text: str, speed: float = 1.0) -> Utterance:
    voice = spec.voices(config)[0]
    return Utterance(text, tuple(find_words(text, spec.max_characters)), voice.id, voice.language, speed)


def verify(speech: Speech, spec: EngineSpec, words: int) -> None:
    assert speech.sample_rate == spec.sample_rate
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert np.isfinite(speech.samples).all()
    assert np.abs(speech.samples).max() <= 2.0  # the limiter is for the rest
    assert len(speech.words) == words
    assert all(0 <= word.start <= word.end <= speech.duration + 1e-6 for word in speech.words)
    assert all(before.start <= after.start for before, after in pairwise(speech.words))


@pytest.mark.parametrize("text", TEXTS)
def test_every_word_is_spoken_with_a_timing(loaded: tuple[EngineSpec, EngineConfig, Engine], text: str) -> None:
    spec, config, engine = loaded
    utterance = utter(spec, config, text)
    speech = engine.speak(utterance)
    verify(speech, spec, len(utterance.words))
    assert np.abs(speech.samples).max() > 0.01


def test_engines_that_support_ipa_tell_the_sounds_and_speak_them_again(
    loaded: tuple[EngineSpec, EngineConfig, Engine],
) -> None:
    spec, config, engine = loaded
    utterance = utter(spec, config, "Hugh met Dr. Smith, in the well-known café (at 5), “far away”… Was it 1984?")
    phones = engine.speak(utterance).phones
    if spec.name in {*CLOUD, "tone"}:
        assert phones == ()
        return
    spoken = [join_symbols(phone.symbol for phone in each) for each in phones]
    assert all(map(is_ipa, spoken))
    for given in (spoken, [ipa if word % 3 == 0 else None for word, ipa in enumerate(spoken)]):
        again = engine.speak(replace(utterance, pronunciations=tuple(given)))
        verify(again, spec, len(utterance.words))
        heard = [join_symbols(phone.symbol for phone in each) for each in again.phones]
        assert [ipa for ipa, wanted in zip(heard, given, strict=True) if wanted] == [wanted for wanted in given if wanted]


def test_word_timings_are_positive_and_in_order(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    spec, config, engine = loaded
    speech = engine.speak(utter(spec, config, "There was a man in the middle of the room."))
    assert all(word.end - word.start >= 0.02 for word in speech.words)
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(speech.words))


@pytest.mark.full
def test_every_language_is_synthesised(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    spec, config, engine = loaded
    for voice in {voice.language: voice for voice in spec.voices(config)}.values():
        verify(engine.speak(Utterance("Radio 12.", tuple(find_words("Radio 12.", 9)), voice.id, voice.language)), spec, 2)


@pytest.mark.parametrize(("speed", "least", "most"), [(0.5, 1.6, 2.4), (2.0, 0.4, 0.75)])
def test_speed_changes_the_duration(
    loaded: tuple[EngineSpec, EngineConfig, Engine], speed: float, least: float, most: float
) -> None:
    spec, config, engine = loaded
    text = "The children ran across the field and climbed over the gate."
    usual = engine.speak(utter(spec, config, text)).duration
    assert least <= engine.speak(utter(spec, config, text, speed)).duration / usual <= most


@pytest.mark.full
@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_extreme_speeds_are_synthesised(loaded: tuple[EngineSpec, EngineConfig, Engine], speed: float) -> None:
    spec, config, engine = loaded
    utterance = utter(spec, config, "Quick and slow.", speed)
    verify(engine.speak(utterance), spec, 3)


def test_an_unknown_voice_is_refused(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    _, _, engine = loaded
    for voice in ("nobody", "../../etc/passwd", ""):
        with pytest.raises(VoiceNotFoundError):
            engine.speak(Utterance("Hello.", tuple(find_words("Hello.", 9)), voice, "en-US"))


def test_an_utterance_without_words_is_a_short_silence(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    spec, config, engine = loaded
    speech = engine.speak(Utterance("", (), spec.voices(config)[0].id, "en-US"))
    assert 0 < speech.duration < 3
    assert speech.words == ()


@pytest.mark.full
def test_the_longest_segment_is_spoken_completely(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    spec, config, engine = loaded
    # digits make the most sound for a character
    text = ("777777 " * spec.max_characters)[: spec.max_characters // 2 - 1]
    utterance = utter(spec, config, text, speed=2.0)
    speech = engine.speak(utterance)
    verify(speech, spec, len(utterance.words))
    assert all(word.end > word.start for word in speech.words)


def test_static_engine_data_is_constant_and_complete(loaded: tuple[EngineSpec, EngineConfig, Engine]) -> None:
    spec, config, _ = loaded
    assert spec.version == discover()[spec.name].version
    assert spec.version
    assert not spec.missing(config)
    voices = spec.voices(config)
    assert len({voice.id for voice in voices}) == len(voices) > 0
    assert all("-" in voice.language and voice.name for voice in voices)


@pytest.mark.parametrize("name", LOCAL)
def test_missing_models_are_named_without_an_exception(name: str, tmp_path: Path) -> None:
    spec = discover({name})[name]
    assert bool(spec.missing(EngineConfig(tmp_path))) is (name != "tone")


@pytest.mark.parametrize("name", [*LOCAL, *CLOUD])
async def test_the_engine_runs_in_a_child_process(name: str, request: pytest.FixtureRequest) -> None:
    config = EngineConfig(folder_for(name, request))
    spec = discover({name})[name]
    pool = EnginePool({name: spec}, PoolConfig(config.models, workers=2))
    try:
        utterances = [utter(spec, config, text) for text in ("One two three.", "Four.", "Five six.")]
        speeches = await asyncio.gather(*(pool.speak(name, utterance) for utterance in utterances))
        for utterance, speech in zip(utterances, speeches, strict=True):
            verify(speech, spec, len(utterance.words))
    finally:
        await pool.close()
