"""Tests of Kokoro's phonemes, also with full stops inside a sentence."""

# ruff: noqa: RUF001  (IPA)
from collections.abc import Sequence
from hashlib import sha256

import pytest
from kokoro_onnx.tokenizer import Tokenizer

from echo_common.contracts.ipa import is_ipa
from echo_synthesis.engines.kokoro import SPEC
from echo_synthesis.engines.kokoro.pronunciation import Phoneme, pronounce
from echo_synthesis.engines.kokoro.speaker import _chunks
from echo_synthesis.text.espeak import Espeak
from echo_synthesis.text.ipa import join_symbols
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.phoneme_alignment import NO_WORD


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def spoken(espeak: Espeak, text: str) -> str:
    return "".join(phoneme.symbol for phoneme in pronounce(text, list(find_words(text, 100)), "en-us", espeak))


@pytest.mark.parametrize(
    "text",
    [
        "The old house stood at the end of the lane.",
        "Inside, the air smelled of dust; nobody had been there for a while!",
        "He said: “I don't know.” Then he left (at last)…",
        "What is it that you want to be?",
        "One — two, three",
    ],
)
def test_phonemes_are_those_of_the_whole_sentence(espeak: Espeak, text: str) -> None:
    assert spoken(espeak, text) == Tokenizer().phonemize(text)


def test_full_stops_inside_a_sentence_cause_no_pause(espeak: Espeak) -> None:
    assert "." not in spoken(espeak, "Dr. Smith and Mrs. Jones met at 3.15 today")
    assert spoken(espeak, "I met J. Smith.").count(".") == 1


def test_every_word_has_its_phonemes_and_punctuation_has_none(espeak: Espeak) -> None:
    text = "Well, in the end (of the day) it is 1984, is it not?"
    words = list(find_words(text, 100))
    phonemes = pronounce(text, words, "en-us", espeak)
    assert {phoneme.word for phoneme in phonemes} - {NO_WORD} == set(range(len(words)))
    assert all(phoneme.word == NO_WORD for phoneme in phonemes if phoneme.symbol in ',()?"')
    spaced = {phoneme.word for phoneme in phonemes if phoneme.symbol == " "} - {NO_WORD}
    assert [text[words[word].start : words[word].end] for word in spaced] == ["1984"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-us", "Well, in the end of the day it is 1984, and Hugh is well-known far away."),
        ("en", "The far end of the road is here, isn't it?"),
        ("fr", "Un bon vin blanc et un garçon français."),
        ("pt-br", "Não são três irmãos."),
        ("hi", "नमस्ते दुनिया।"),
        ("en-us", "supercalifragilisticexpialidocious" * 3 + " ends"),
    ],
)
def test_the_sounds_of_a_word_are_spoken_again_when_they_are_given(espeak: Espeak, language: str, text: str) -> None:
    words = list(find_words(text, 300))

    def sounds(given: Sequence[str | None] = ()) -> list[str]:
        phonemes = pronounce(text, words, language, espeak, given)
        return [join_symbols(phoneme.symbol for phoneme in phonemes if phoneme.word == word) for word in range(len(words))]

    spoken = sounds()
    assert all(map(is_ipa, spoken))
    assert sounds(spoken) == spoken
    for word, ipa in enumerate(spoken):
        given = [ipa if each == word else None for each in range(len(words))]
        assert sounds(given)[word] == ipa


def test_custom_pronunciations_do_not_affect_neighbours(espeak: Espeak) -> None:
    text = "You say tomato, I say potato."
    words = list(find_words(text, 100))
    given = [None, None, "tə'meɪtəʊ", None, None, None]
    phonemes = pronounce(text, words, "en-us", espeak, given)
    sounds = "".join(phoneme.symbol for phoneme in phonemes)
    assert "".join(phoneme.symbol for phoneme in phonemes if phoneme.word == 2) == "təˈmeɪtəʊ"
    before, _, after = spoken(espeak, text).partition("təmˈeɪɾoʊ")
    assert sounds == f"{before}təˈmeɪtəʊ{after}"


def test_speech_with_other_sounds_has_another_version(espeak: Espeak) -> None:
    """If the digest changes, change the version too: the speech cache serves speech of the same version."""
    text = "Inside, in 1984, the garçon had no vin blanc left (at last)…"
    words = list(find_words(text, 100))
    given: list[str | None] = [None] * len(words)
    given[4:7] = ["gaʁ'sõ", "i:ç", "nɔ̃"]
    sounds = [(phoneme.symbol, phoneme.word) for phoneme in pronounce(text, words, "en-us", espeak, given)]
    assert (SPEC.version, sha256(repr(sounds).encode()).hexdigest()[:16]) == ("kokoro-82m-v1.0-5", "6aace2f5a327f78b")


def test_long_sequences_are_split_after_a_pause_or_a_word() -> None:
    phonemes = [Phoneme(symbol) for symbol in ("abcd " * 80 + "abc, " + "abcd " * 200)]
    chunks = list(_chunks(phonemes))
    assert [phoneme for chunk in chunks for phoneme in chunk] == phonemes
    assert all(len(chunk) <= 510 for chunk in chunks)
    assert chunks[0][-1].symbol == ","
    assert all(chunk[-1].symbol == " " for chunk in chunks[1:])


def test_another_take_may_be_split_at_the_pause_nearest_to_its_middle() -> None:
    phonemes = [Phoneme(symbol) for symbol in "ab, abcdef, abcdefghi, ab."]
    chunks = ["".join(phoneme.symbol for phoneme in chunk) for chunk in _chunks(phonemes, split=True)]
    assert chunks == ["ab, abcdef,", " abcdefghi, ab."]
    assert len(list(_chunks([Phoneme("a"), Phoneme(".")], split=True))) == 1
