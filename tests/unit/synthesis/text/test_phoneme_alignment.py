"""Each phoneme is assigned to its word, even if espeak joins words."""

# ruff: noqa: RUF001

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_synthesis.engine import WordTime
from echo_synthesis.text.espeak import Espeak
from echo_synthesis.text.phrases import phrases
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.phoneme_alignment import owners, place_words


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def by_word(espeak: Espeak, text: str) -> list[str]:
    words = list(find_words(text, 100))
    spoken = espeak.phonemes(text, "en-us")
    owned = owners(spoken, [espeak.word(text[word.start : word.end], "en-us") for word in words])
    return ["".join(s for s, owner in zip(spoken, owned, strict=True) if owner == index).strip() for index in range(len(words))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in the house of the man", ["ɪn", "ðə", "hˈaʊs", "ʌv", "ðə", "mˈæn"]),
        ("to be on the moon", ["tə", "bi", "ɔn", "ðə", "mˈuːn"]),
        ("have been there for a while", ["hɐv", "bɪn", "ðɛɹ", "fɚɹ", "ə", "wˈaɪl"]),
        ("the 12 birds", ["ðə", "twˈɛlv", "bˈɜːdz"]),
    ],
)
def test_joined_words_are_separated(espeak: Espeak, text: str, expected: list[str]) -> None:
    assert by_word(espeak, text) == expected


def test_a_written_word_owns_all_its_spoken_words(espeak: Espeak) -> None:
    before, year, after = by_word(espeak, "since 1984 again")
    assert (before, after) == ("sˈɪns", "ɐɡˈɛn")
    assert year.count(" ") >= 2


@given(st.lists(st.text("aɪnðəˈ bʌ", max_size=6), max_size=8), st.text("aɪnðəˈ bʌ", max_size=40))
def test_phonemes_are_assigned_to_words_in_order(words: list[str], spoken: str) -> None:
    owned = owners(spoken, words)
    assert len(owned) == len(spoken)
    assert owned == sorted(owned)
    assert all(0 <= owner < max(1, len(words)) for owner in owned)


def test_phoneme_durations_give_timings_and_silent_words_are_points() -> None:
    sounds = [(0, 0.1, 0.2), (0, 0.2, 0.3), (2, 0.5, 0.6)]
    assert place_words(sounds, 3) == (WordTime(0.1, 0.3), WordTime(0.3, 0.3), WordTime(0.5, 0.6))


def test_long_clauses_are_not_truncated_by_espeak(espeak: Espeak) -> None:
    text = "777777 " * 60 + "7" * 200
    words = list(find_words(text, 1000))
    runs = list(phrases(text, words, lambda word: espeak.word(word, "en-us")))
    assert [piece.word for run in runs for piece in run if piece.word < 60] == list(range(60))
    assert "".join(text[piece.span.start : piece.span.end] for run in runs for piece in run if piece.word == 60) == "7" * 200
    for run in runs:
        spoken = espeak.phonemes(text[run[0].span.start : run[-1].span.end], "en-us")
        assert set(owners(spoken, [piece.sounds for piece in run])) == set(range(len(run)))


def test_the_language_is_selected_per_call(espeak: Espeak) -> None:
    assert espeak.phonemes("hot", "en-us") != espeak.phonemes("hot", "en")
    assert espeak.phonemes("", "en-us") == espeak.phonemes("\0", "en-us") == ""
