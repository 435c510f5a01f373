"""Written words get the timing of their spoken words, and their sounds."""

# ruff: noqa: RUF001  (IPA)
import numpy as np

from echo_synthesis.engine import Phone, Speech, WordTime
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment
from echo_synthesis.timing.written_words import place


def unit(text: str) -> Segment:
    [part] = compose(text, NormalizationOptions("en-US"), 400)
    assert isinstance(part, Segment)
    return part


def spoken(unit: Segment, *, phones: tuple[tuple[Phone, ...], ...] = ()) -> Speech:
    """Return one second per word with a tenth of silence after it."""
    times = tuple(WordTime(float(number), number + 0.9) for number in range(len(unit.spoken)))
    return Speech(np.zeros(16_000 * len(times), np.float32), 16_000, times, "model", phones=phones)


def test_a_written_word_spans_all_its_spoken_words() -> None:
    written = unit("It costs $5.50, really.")
    marks = place(written, spoken(written), 10.0)
    assert [(mark.word, mark.spoken, mark.start, mark.end) for mark in marks] == [
        ("It", None, 10.0, 10.9),
        ("costs", None, 11.0, 11.9),
        ("$5.50", "five dollars and fifty cents", 12.0, 16.9),
        ("really", None, 17.0, 17.9),
    ]
    assert [(mark.before, mark.after, mark.ends) for mark in marks] == [
        ("", "", False),
        ("", "", False),
        ("", ",", False),
        ("", ".", True),
    ]


def test_words_spoken_together_divide_the_time_by_length() -> None:
    [part] = compose("<speak><sub alias='nyc'>New York</sub> it is</speak>", NormalizationOptions("en-US"), 400)
    assert isinstance(part, Segment)
    marks = place(part, spoken(part), 0.0)
    assert [(mark.word, round(mark.start, 3), round(mark.end, 3)) for mark in marks] == [
        ("New", 0.0, 0.386),
        ("York", 0.386, 0.9),
        ("it", 1.0, 1.9),
        ("is", 2.0, 2.9),
    ]


def test_unspoken_words_have_a_point_in_time() -> None:
    [part] = compose("One 😂 two", NormalizationOptions("en-US", normalize=False), 400)
    assert isinstance(part, Segment)
    assert [(mark.word, mark.spoken, mark.start, mark.end) for mark in place(part, spoken(part), 0.0)] == [
        ("One", None, 0.0, 0.9),
        ("😂", "", 0.9, 0.9),
        ("two", None, 1.0, 1.9),
    ]


def test_syllables_follow_the_spoken_form() -> None:
    written = unit("Water costs $2.")
    water, costs, two = place(written, spoken(written), 1.0, language="en-US")
    assert [(each.text, each.start, each.end) for each in water.syllables] == [("Wa", 1.0, 1.36), ("ter", 1.36, 1.9)]
    assert [each.text for each in costs.syllables] == ["costs"]
    assert [each.text for each in two.syllables] == ["two", "dol", "lars"]


def test_syllable_timings_follow_the_phonemes() -> None:
    written = unit("Water")
    sounds = [Phone(symbol, start, start + 0.2) for symbol, start in [("w", 0.0), ("ɔ", 0.2), ("t", 0.4), ("ɚ", 0.6)]]
    [water] = place(written, spoken(written, phones=(tuple(sounds),)), 0.0, language="en-US")
    assert [(each.start, each.end) for each in water.syllables] == [(0.0, 0.4), (0.4, 0.9)]


def test_a_written_word_has_the_sounds_of_all_its_spoken_words() -> None:
    written = unit("It costs $2.")
    sounds = tuple(tuple(Phone(symbol, 0.0, 0.1) for symbol in ipa) for ipa in ("ɪt", "kɒsts", "tuː", "dɒləz"))
    assert [mark.ipa for mark in place(written, spoken(written, phones=sounds), 0.0)] == ["ɪt", "kɒsts", "tuː dɒləz"]


def test_sounds_are_unknown_where_the_engine_does_not_tell_them() -> None:
    written = unit("It costs $2.")
    assert {mark.ipa for mark in place(written, spoken(written), 0.0)} == {None}
    partly = ((Phone("ɪ", 0.0, 0.1),), (), (Phone("t", 2.0, 2.1),), ())
    assert [mark.ipa for mark in place(written, spoken(written, phones=partly), 0.0)] == ["ɪ", None, None]


def test_of_words_spoken_together_the_first_has_the_sounds() -> None:
    [part] = compose("<speak><sub alias='nyc'>New York</sub> it is</speak>", NormalizationOptions("en-US"), 400)
    assert isinstance(part, Segment)
    sounds = tuple((Phone(symbol, 0.0, 0.1),) for symbol in "nɪz")
    assert [mark.ipa for mark in place(part, spoken(part, phones=sounds), 0.0)] == ["n", None, "ɪ", "z"]
