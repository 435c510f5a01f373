"""Tests of packed scripts."""

import zlib
from dataclasses import replace

import pytest

from echo_synthesis.engine import EngineSpec
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.pipeline.packed_script import PackedScript, SpacedSegment, spaced_segments
from echo_synthesis.text.normalization import NormalizationOptions, compose

MARKUP = """<speak><break time="1s"/>Hello <prosody rate="120%">Dr. Smith</prosody>,
it is 5 pm.<break time="250ms"/><phoneme alphabet="ipa" ph="bʊd">Good</phoneme> day.<break time="2s"/></speak>"""


def segments_in(text: str) -> list[SpacedSegment]:
    return list(spaced_segments(compose(text, NormalizationOptions("en-US", phonemes=True), TONE.max_characters)))


@pytest.mark.parametrize("text", ["Hello.", MARKUP, "# Title\n\nA long story about 42 cats. " * 500])
def test_packed_segments_are_unpacked_unchanged(text: str) -> None:
    segments = segments_in(text)
    packed = PackedScript.pack(segments, TONE)
    read = PackedScript.read(packed.data, TONE)
    assert read == packed
    assert list(packed) == segments
    assert (len(packed), packed.word_count) == (len(segments), sum(len(spaced.segment.words) for spaced in segments))
    assert packed.characters == sum(len(spaced.segment.text) for spaced in segments)


@pytest.mark.parametrize(
    "engine", [replace(TONE, name="other"), replace(TONE, max_characters=10), replace(TONE, phonemes=not TONE.phonemes)]
)
def test_a_script_planned_for_another_engine_is_not_reused(engine: EngineSpec) -> None:
    assert PackedScript.read(PackedScript.pack(segments_in("Hello."), engine).data, TONE) is None


@pytest.mark.parametrize("data", [b"", b"junk", zlib.compress(b"junk\n"), zlib.compress(b'{"format": 2}\n')])
def test_unknown_formats_are_not_reused(data: bytes) -> None:
    assert PackedScript.read(data, TONE) is None


@pytest.mark.parametrize("share", [0.3, 0.66, 0.99])
def test_damaged_scripts_are_not_reused(share: float) -> None:
    data = PackedScript.pack(segments_in("A long story about 42 cats. " * 500), TONE).data
    cut = int(len(data) * share)

    assert PackedScript.read(data[:cut], TONE) is None
    assert PackedScript.read(data[:cut] + bytes([data[cut] ^ 1]) + data[cut + 1 :], TONE) is None


def test_a_script_without_totals_is_not_reused() -> None:
    header, _, _ = zlib.decompress(PackedScript.pack(segments_in("Hello."), TONE).data).partition(b"\n")
    partial = header.replace(b'"count"', b'"amount"') + b"\n"

    assert PackedScript.read(zlib.compress(partial), TONE) is None
    assert PackedScript.read(zlib.compress(b"[1]\n"), TONE) is None
