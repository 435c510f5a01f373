"""Tests of matching words with the output of a recogniser."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from echo_synthesis.engine import Phone, Speech, Utterance, WordTime
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.recogniser_alignment import RecognisedWord, align, place


def evenly(count: int, seconds: float = 10.0) -> list[WordTime]:
    step = seconds / count
    return [WordTime(index * step, (index + 1) * step) for index in range(count)]


def starts(words: Sequence[WordTime] | None) -> list[float]:
    assert words is not None
    return [round(word.start, 3) for word in words]


def test_recognised_words_get_their_recognised_timings() -> None:
    heard = [RecognisedWord(" Hello,", 0.5, 0.9), RecognisedWord(" big", 1.0, 1.2), RecognisedWord(" world.", 2.0, 2.6)]
    placed = place(["hello", "Big", "World"], heard, evenly(3))
    assert starts(placed) == [0.5, 1.0, 2.0]
    assert placed is not None
    assert placed[2].end == pytest.approx(2.6, abs=1e-4)


def test_unrecognised_words_are_placed_between_neighbours() -> None:
    heard = [RecognisedWord("one", 0.0, 1.0), RecognisedWord("four", 4.0, 5.0)]
    assert starts(place(["one", "two", "three", "four"], heard, evenly(4, 4.0))) == [0.0, 1.0, 2.5, 4.0]


def test_numbers_recognised_as_digits_get_the_timing_of_the_digits() -> None:
    heard = [
        RecognisedWord("It", 0.0, 0.2),
        RecognisedWord("cost", 0.2, 0.6),
        RecognisedWord("42", 1.0, 2.0),
        RecognisedWord("pounds", 3.0, 3.5),
    ]
    placed = place(["It", "cost", "forty", "two", "pounds"], heard, evenly(5))
    assert starts(placed) == [0.0, 0.2, 1.0, 1.5, 3.0]
    assert placed is not None
    assert placed[3].end == pytest.approx(2.0, abs=1e-4)


def test_a_word_recognised_as_several_remains_a_single_word() -> None:
    heard = [
        RecognisedWord("a", 0.0, 0.1),
        RecognisedWord("well", 0.2, 0.5),
        RecognisedWord("known", 0.5, 0.9),
        RecognisedWord("song", 1.0, 1.5),
    ]
    placed = place(["a", "well-known", "song"], heard, evenly(3))
    assert placed is not None
    assert (placed[1].start, placed[1].end) == pytest.approx((0.2, 0.9), abs=1e-4)


def test_unrecognised_ends_keep_their_estimates() -> None:
    heard = [RecognisedWord("two", 3.0, 4.0), RecognisedWord("three", 4.0, 5.0)]
    assert starts(place(["one", "two", "three", "four"], heard, evenly(4)))[0] == 0.0


def test_poor_recognition_is_ignored() -> None:
    assert (
        place(["one", "two", "three"], [RecognisedWord("banana", 0.0, 1.0), RecognisedWord("two", 1.0, 2.0)], evenly(3)) is None
    )
    assert place(["one"], [], evenly(1)) is None
    assert place(["…"], [RecognisedWord("!", 0.0, 1.0)], evenly(1)) is None


WORDS = st.lists(st.sampled_from(["a", "b", "c", "don't", "日本", "3.5"]), min_size=1, max_size=12)


@given(spoken=WORDS, said=WORDS, gaps=st.lists(st.floats(0, 1), min_size=24, max_size=24))
def test_timings_never_decrease(spoken: list[str], said: list[str], gaps: list[float]) -> None:
    times = np.cumsum(gaps)
    heard = [RecognisedWord(word, times[2 * index], times[2 * index + 1]) for index, word in enumerate(said)]
    placed = place(spoken, heard, evenly(len(spoken)))
    assume(placed is not None)
    assert placed is not None
    assert len(placed) == len(spoken)
    assert all(word.start <= word.end for word in placed)
    assert all(before.start <= after.start for before, after in pairwise(placed))


class Scripted:
    """A recogniser with a scripted transcript."""

    def __init__(self, *heard: RecognisedWord) -> None:
        self.heard = heard
        self.language = ""

    def recognise(self, samples: NDArray[np.float32], language: str) -> Sequence[RecognisedWord] | None:
        self.language = language
        return self.heard if language == "en" else None


def speech(text: str, language: str = "en-US") -> tuple[Utterance, Speech]:
    utterance = Utterance(text, tuple(find_words(text, 100)), "v", language)
    loud, quiet = np.full(8_000, 0.3, np.float32), np.zeros(4_000, np.float32)
    samples = np.concatenate([quiet, loud, quiet, loud, quiet])
    words = tuple(evenly(len(utterance.words), len(samples) / 16_000))
    return utterance, Speech(samples, 16_000, words, "estimated")


def test_words_start_and_end_within_sound() -> None:
    aligned = align(*speech("one two"), Scripted(RecognisedWord("one", 0.0, 0.9), RecognisedWord("two", 0.9, 1.75)))
    assert aligned.alignment == "aligned"
    times = [time for word in aligned.words for time in (word.start, word.end)]
    assert times == pytest.approx([0.25, 0.75, 1.0, 1.5], abs=1e-4)


def test_sounds_follow_their_words() -> None:
    utterance, estimated = speech("one two")
    sounds = tuple(tuple(Phone(symbol, 0.0, 0.1) for symbol in ipa) for ipa in ("wn", "tu"))
    heard = Scripted(RecognisedWord("one", 0.0, 0.9), RecognisedWord("two", 0.9, 1.75))
    aligned = align(utterance, replace(estimated, phones=sounds), heard)
    assert [[phone.symbol for phone in phones] for phones in aligned.phones] == [["w", "n"], ["t", "u"]]
    assert [phone.start for phones in aligned.phones for phone in phones] == pytest.approx([0.25, 0.5, 1.0, 1.25], abs=1e-4)


def test_inaudible_words_stay_estimated() -> None:
    for utterance, spoken in (speech("eins zwei", "de-DE"), speech("one two")):
        assert align(utterance, spoken, Scripted()) is spoken
