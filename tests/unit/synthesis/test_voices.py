"""Tests of the catalogue of voices."""

from typing import Any

import pytest

from echo_synthesis.catalogue.voices import CataloguedVoice, VoiceFilter
from echo_synthesis.engine import EngineSpec, EngineVoice
from echo_synthesis.engines.tone import SPEC

KOKORO, PIPER = (
    EngineSpec(name, "1", "Test.", 100, 16_000, voices=SPEC.voices, missing=SPEC.missing, load=SPEC.load)
    for name in ("kokoro", "piper")
)
CATALOGUE = (
    CataloguedVoice(EngineVoice("vm_1", "My own", "en-US", "neutral", ("clone",)), KOKORO, clone=True),
    CataloguedVoice(EngineVoice("af_heart", "Heart", "en-US", "female", ("neural",)), KOKORO),
    CataloguedVoice(EngineVoice("bm_george", "George", "en-GB", "male", ("neural",)), KOKORO),
    CataloguedVoice(EngineVoice("ff_siwis", "Siwis", "fr-FR", "female", ("neural",)), KOKORO),
    CataloguedVoice(EngineVoice("piper_joe", "Joe", "en-US", "male", ("neural", "quick")), PIPER),
)


POLYGLOT = CataloguedVoice(
    EngineVoice("vm_2", "Mine", "en-GB", "neutral", ("clone",), others=("en-US", "en-GB", "es-ES", "pt-BR")), KOKORO, clone=True
)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["vm_1", "af_heart", "bm_george", "ff_siwis", "piper_joe"]),
        ({"language": "en"}, ["vm_1", "af_heart", "bm_george", "piper_joe"]),
        ({"language": "en-us"}, ["vm_1", "af_heart", "piper_joe"]),
        ({"language": "e"}, []),
        ({"engine": "piper"}, ["piper_joe"]),
        ({"gender": "female"}, ["af_heart", "ff_siwis"]),
        ({"kind": "clone"}, ["vm_1"]),
        ({"kind": "built-in", "gender": "male"}, ["bm_george", "piper_joe"]),
        ({"tag": "quick"}, ["piper_joe"]),
        ({"text": "GEOR"}, ["bm_george"]),
        ({"text": "ff_"}, ["ff_siwis"]),
    ],
)
def test_voices_are_filtered(conditions: dict[str, Any], expected: list[str]) -> None:
    voice_filter = VoiceFilter(**conditions)
    assert [found.voice.id for found in CATALOGUE if voice_filter.matches(found)] == expected


def test_voices_are_found_by_each_of_their_languages() -> None:
    matching = [VoiceFilter(language=tag).matches(POLYGLOT) for tag in ("en", "en-GB", "es", "pt-BR", "fr")]
    assert matching == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("requested", "spoken"),
    [
        ("en", "en-GB"),
        ("en-AU", "en-GB"),
        ("en-us", "en-US"),
        ("es", "es-ES"),
        ("es-MX", "es-ES"),
        ("pt-PT", "pt-BR"),
        ("fr", None),
        ("ja", None),
    ],
)
def test_a_voice_speaks_its_further_languages(requested: str, spoken: str | None) -> None:
    assert POLYGLOT.spoken(requested) == spoken
    assert POLYGLOT.speaks(requested) is (spoken is not None)


def test_the_languages_of_a_voice_are_listed_once_and_its_own_first() -> None:
    assert POLYGLOT.voice.languages == ["en-GB", "en-US", "es-ES", "pt-BR"]


def test_a_further_language_ranks_after_native_ones() -> None:
    assert [POLYGLOT.distance(tag) for tag in ("en-GB", "en-US", "es-ES")] == [0, 1, 2]
