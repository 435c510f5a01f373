"""Sentences of a text that is still being written."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echo_common.errors import ValidationError
from echo_synthesis.text.growing_text import GrowingText
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment
from echo_synthesis.text.sentence_joins import SentenceJoins

ENGLISH = NormalizationOptions("en-US", may_be_silent=True)
WORDS = (
    "Hello",
    "the",
    "dog",
    "Mr",
    "Dr",
    "St",
    "etc",
    "Jan",
    "No",
    "e.g",
    "U.S",
    "p.m",
    "Dogs",
    "3",
    "5",
    "2024",
    "3.5",
    "I",
    "A",
)
MARKS = (
    ". ",
    ".",
    "! ",
    "? ",
    "... ",
    "… ",
    ", ",
    "; ",
    " ",
    " ",
    " - ",
    '." ',
    ' "',
    " (",
    ") ",
    "\n",
    "\n\n",
    "\n- ",
    "\n1. ",
    "。",
)
MARKUP = (
    "**",
    "*",
    "# ",
    "[",
    "](http://x.org) ",
    "`",
    "```\n",
    "| a | b |\n",
    "&amp; ",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "🎉 ",
    "[pause:1s] ",
)
texts = st.lists(st.sampled_from((*WORDS, *MARKS, *MARKUP)), max_size=60).map("".join)
prose = st.lists(
    st.tuples(
        # at the beginning of a text, `Dr.` is a title and `3.` numbers a list: in a text of several sentences they may not be
        st.sampled_from([word for word in WORDS if word not in {"Dr", "St"} and not word.isdigit()]),
        st.sampled_from((". ", "! ", "? ", ", ", " ", " ", " ", "\n\n")),
    ),
    max_size=40,
).map(lambda pairs: "".join(word + mark for word, mark in pairs))


@dataclass(frozen=True)
class Entry:
    term: str
    respelling: str | None = "x"
    ipa: str | None = None
    case_sensitive: bool = False


def sentences(parts: Sequence[str], *entries: Entry, language: str = "en-US") -> list[str]:
    growing = GrowingText(SentenceJoins(language, entries))
    found = [sentence for part in parts for sentence in growing.add(part)]
    rest = growing.flush()
    return [sentence.text for sentence in [*found, *([rest] if rest else [])]]


def spoken(text: str) -> list[str]:
    return [part.text for part in compose(text, ENGLISH, 400) if isinstance(part, Segment)]


@given(text=texts)
@settings(max_examples=300, deadline=None)
def test_the_sentences_do_not_depend_on_the_parts(text: str) -> None:
    whole = sentences([text])
    assert sentences(list(text)) == whole
    assert sentences([text[start : start + 7] for start in range(0, len(text), 7)]) == whole
    joined = "".join(whole)
    assert text.startswith(joined)
    assert not text[len(joined) :].strip()


@given(text=prose)
@settings(max_examples=300, deadline=None)
def test_the_sentences_are_those_of_the_whole_text(text: str) -> None:
    assert [segment for sentence in sentences(list(text)) for segment in spoken(sentence)] == spoken(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3.5 now. Yes.", ["It is 3.5 now.", " Yes."]),
        ("Dr. Smith came. He left.", ["Dr. Smith came.", " He left."]),
        ("Wait... what? Really!", ["Wait... what?", " Really!"]),
        ("See you on Jan. 5 or so. Bye.", ["See you on Jan. 5 or so.", " Bye."]),
        ("# Title\nText here. More", ["# Title\n", "Text here.", " More"]),
        ("- one\n- two\n", ["- one\n", "- two\n"]),
        ("Code:\n```\na = b. C\n\nd\n```\nDone.", ["Code:\n```\na = b. C\n\nd\n```\n", "Done."]),
        ("See [a. B](http://x.org). End.", ["See [a. B](http://x.org).", " End."]),
        ("| A. B | c |\n|---|---|\n| D. E | f |\n\nEnd.", ["| A. B | c |\n|---|---|\n| D. E | f |\n\n", "End."]),
        ("一。二。", ["一。", "二。"]),
    ],
)
def test_stops_within_a_sentence_do_not_end_it(text: str, expected: list[str]) -> None:
    assert sentences(list(text)) == expected


def test_a_sentence_is_complete_with_the_first_character_of_the_next() -> None:
    growing = GrowingText(SentenceJoins("en-US"))
    assert growing.add("Hello there.") == []
    assert growing.add(" ") == []
    assert [sentence.text for sentence in growing.add("W")] == ["Hello there."]


def test_terms_of_the_lexicon_continue_after_a_stop() -> None:
    text = "We like Hello! Project a lot. Yes, we do."
    assert sentences(list(text)) == ["We like Hello!", " Project a lot.", " Yes, we do."]
    assert sentences(list(text), Entry("Hello! Project")) == ["We like Hello! Project a lot.", " Yes, we do."]


def test_control_characters_are_refused_when_a_sentence_is_planned() -> None:
    with pytest.raises(ValidationError):
        spoken(sentences(["Hello \x07. You."])[0])
