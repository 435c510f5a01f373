"""Tests of syllables and syllable timings."""

# ruff: noqa: RUF001  (IPA)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_synthesis.engine import Phone
from echo_synthesis.text.syllables import Timed, in_time, syllables


@pytest.mark.parametrize(
    "word",
    [
        "I",
        "cat",
        "strong",
        "make",
        "made",
        "walked",
        "planes",
        "hel-lo",
        "wa-ter",
        "ta-ble",
        "lit-tle",
        "peo-ple",
        "ap-ple",
        "be-ing",
        "o-pen",
        "wan-ted",
        "boxes",
        "chan-ges",
        "time-stamps",
        "some-times",
        "mil-lion",
        "na-tion",
        "spe-cial",
        "ra-di-o",
        "i-de-a",
        "cre-a-ted",
        "beau-ti-ful",
        "syl-la-ble",
        "con-ti-nu-ous",
        "com-pu-ter",
        "did-n't",
        "don't",
        "u-nique",
        "science",
        "y-el-low",
        "league",
    ],
)
def test_english_words_are_split_into_syllables(word: str) -> None:
    expected = {"y-el-low": "yel-low", "boxes": "bo-xes"}.get(word, word).split("-")
    assert syllables("".join(expected), "en-US") == expected


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("es-ES", "pa-ís"),
        ("es-ES", "le-er"),
        ("es-ES", "a-gua"),
        ("it-IT", "buon-gior-no"),
        ("pt-BR", "co-ra-ção"),
        ("fr-FR", "bon-jour"),
        ("ja-JP", "こん-に-ち-は"),
        ("hi-IN", "दु-नि-या"),
        ("ru-RU", "привет"),
    ],
)
def test_other_languages_are_split_into_syllables(language: str, word: str) -> None:
    assert syllables(word.replace("-", ""), language) == word.split("-")


def test_punctuation_belongs_to_the_preceding_syllable() -> None:
    assert syllables("twenty-one", "en") == ["twen", "ty-", "one"]
    assert syllables("42", "en") == ["42"]


@given(st.text(min_size=1, max_size=40), st.sampled_from(["en", "es", "fr", "hi", "ja", "xx"]))
def test_no_letter_is_lost(word: str, language: str) -> None:
    assert "".join(syllables(word, language)) == word


def test_without_phonemes_time_is_divided_by_letters() -> None:
    found = in_time(["wa", "ter"], Timed(1.0, 2.0))
    assert [(part.text, part.start, part.end) for part in found] == [("wa", 1.0, 1.4), ("ter", 1.4, 2.0)]


def test_phonemes_determine_syllable_boundaries() -> None:
    sounds = [("w", 0.0), ("ˈ", 0.1), ("ɔ", 0.1), ("ː", 0.3), ("t", 0.4), ("ɚ", 0.5)]
    phones = [Phone(symbol, start, start + 0.1) for symbol, start in sounds]
    found = in_time(["wa", "ter"], Timed(0.0, 0.8), phones)
    assert [(part.start, part.end) for part in found] == [(0.0, 0.4), (0.4, 0.8)]


def test_diphthongs_are_a_single_sound_and_hiatus_is_two() -> None:
    my = [Phone(symbol, number / 10, (number + 1) / 10) for number, symbol in enumerate("maɪ")]
    assert len(in_time(["my"], Timed(0, 0.3), my)) == 1
    create = [Phone(symbol, number / 10, (number + 1) / 10) for number, symbol in enumerate("kɹiˈeɪt")]
    assert [part.start for part in in_time(["cre", "ate"], Timed(0, 0.7), create)] == [0, 0.4]
