"""Texts are split at natural boundaries without losing or splitting words."""

# ruff: noqa: RUF001
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_synthesis.text.script import Segment, write
from echo_synthesis.text.source_map import Limits, plain_text
from echo_synthesis.text.verbalization import Rules
from echo_synthesis.text.words import find_words


def split(text: str, limit: int, first: int | None = None) -> list[Segment]:
    """Split the text without verbalisation."""
    parts = write(text, plain_text(text, Limits()), Rules(), limit, first_limit=first)
    return [part for part in parts if isinstance(part, Segment)]


def texts(text: str, limit: int = 400) -> list[str]:
    return [unit.text for unit in split(text, limit)]


def words(text: str) -> list[str]:
    return [text[word.start : word.end] for word in find_words(text, 400)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Hello there.", "How are you?", "Fine!"],
        ["Dr. Smith met Mrs. Jones at 5 p.m. on St. James St. in London.", "They talked."],
        ["Pi is 3.14159, not 3.", "That is a fact."],
        ["J. R. R. Tolkien wrote it.", "It is long."],
        ["He waited... and waited.", "Then… nothing."],
        ["“Stop!” he cried.", "“Why?” she asked.", "Nobody answered."],
        ["She said “Go.”", "He went."],
        ["The U.S. Army came.", "It left the U.S.", "The end."],
        ["It costs $5.50 e.g. at Acme Inc. or so.", "Cheap!"],
        ["Is it I?", "It was I.", "Then go."],
        ["Visit example.com or v2.0.1 today.", "Thanks."],
        ["No. 5 is alive.", "He said no problem."],
        ["Wait — what?!", "Really?!", "Yes."],
        ["(He left.)", "She stayed."],
        ["We met at 10:30 a.m. and ate 1,000 cakes.", "All gone."],
        ["See fig. 3 and pp. 4-7 vs. the rest.", "Done."],
        ["これはペンです。", "いいですね！", "はい。"],
        ["Hello world etc. and so on.", "He ate apples, pears, etc.", "Then he slept."],
    ],
)
def test_sentence_boundaries_are_found(sentences: list[str]) -> None:
    joined = "".join(sentences) if sentences[0][0] > "\u3000" else " ".join(sentences)
    assert texts(joined) == sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", ["Hello", "world"]),
        ("Don't be well-known.", ["Don't", "be", "well-known"]),
        ("It cost $5.50 (50%).", ["It", "cost", "$5.50", "50%"]),
        ("one—two...three…four", ["one", "two", "three", "four"]),
        ("'Tis rock 'n' roll", ["Tis", "rock", "n", "roll"]),
        ("1,000 at 10:30, -5 and .5", ["1,000", "at", "10:30", "-5", "and", ".5"]),
        ("C++ & C# @ home", ["C++", "&", "C#", "@", "home"]),
        ("U.S. and/or e.g. this", ["U.S", "and/or", "e.g", "this"]),
        ("*bold* _it_ -- * * *", ["bold", "it"]),
        ("?!... — ", []),
        ("हिन्दी की बात", ["हिन्दी", "की", "बात"]),
        ("cafe\u0301 naïve", ["cafe\u0301", "naïve"]),
    ],
)
def test_punctuation_is_not_part_of_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_paragraphs_and_bullets_end_a_sentence_but_a_wrapped_line_does_not() -> None:
    assert texts("A title\n\nThe text goes\non here.\n- one\n- two") == ["A title", "The text goes on here.", "one", "two"]


def test_long_sentences_are_split_at_clauses_then_between_words() -> None:
    clauses = "When the rain had stopped at last, the children ran out into the garden, and nobody called them back"
    assert texts(clauses, 100) == [
        "When the rain had stopped at last, the children ran out into the garden,",
        "and nobody called them back",
    ]
    plain = " ".join(["word"] * 60)
    assert all(len(unit) <= 80 for unit in texts(plain, 80))
    assert " ".join(texts(plain, 80)) == plain


def test_the_first_segment_can_be_short() -> None:
    text = "When the rain had stopped at last, the children ran out into the garden, and nobody called them back. The end."
    assert len(split(text, 400)) == 2
    quick = split(text, 400, 60)
    assert quick[0].text == "When the rain had stopped at last,"
    assert " ".join(unit.text for unit in quick) == text


def test_empty_texts_have_no_segments() -> None:
    assert split("", 400) == split("  \n ... !? ", 400) == []


ALPHABET = st.sampled_from([*"aAbZé1 0  .,;:!?…'\"-—()“”\n$%@/&\u0301日。x", "Mr. ", "U.S. ", "e.g. ", " and ", "3.14", "\n\n"])


def without_width(text: str) -> str:
    return re.sub("[\u00ad\u2060\ufeff]", "", text)


def verify(text: str, units: list[Segment], limit: int) -> None:
    written = [(word.written.start, word.written.end) for unit in units for word in unit.words]
    assert written == [(word.start, word.end) for word in find_words(text, limit - 16)]
    for unit in units:
        assert len(unit.text) <= limit
        assert unit.words
        ends = [0, *(end for span in unit.spoken for end in (span.start, span.end)), len(unit.text)]
        assert ends == sorted(ends)
        for word in unit.words:
            assert without_width(text[word.written.start : word.written.end]) == word.text


@given(st.lists(ALPHABET, max_size=120).map("".join), st.integers(20, 60), st.none() | st.integers(20, 60))
def test_every_written_word_is_in_exactly_one_segment(text: str, limit: int, first: int | None) -> None:
    verify(text, split(text, limit, first), limit)


@given(st.text(max_size=200))
def test_every_letter_and_digit_is_in_exactly_one_word(text: str) -> None:
    verify(text, split(text, 50), 50)
    covered = [index for word in find_words(text, 7) for index in range(word.start, word.end)]
    assert len(covered) == len(set(covered))
    assert {index for index, character in enumerate(text) if character.isalnum()} <= set(covered)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["x" * 10_000_000, "a " * 100_000, "." * 5_000_000 + "a", "a" + "!" * 5_000_000 + "b", "a.." * 100_000]
)
def test_huge_texts_take_linear_time(text: str) -> None:
    # the quadratic way would take days, and the suite's time limit would end it
    units = split(text, 400)
    assert units
    assert all(len(unit.text) <= 400 for unit in units[:1000])
