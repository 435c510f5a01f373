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
