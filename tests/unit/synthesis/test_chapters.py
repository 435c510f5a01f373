"""Tests of chapters made from headings."""

import pytest

from echo_synthesis.domain import ChapterMarks
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment

BOOK = """# The Voyage

Once upon a time.

## Out at *Sea* ##

Waves.

Chapter 3

More waves. In chapter 4 there will be none.

CHAPTER IV: The Storm
Wind.
Epilogue
The end.
"""


def titles(text: str) -> list[str]:
    parts = compose(text, NormalizationOptions("en-US"), 100)
    return [part.title for part in parts if isinstance(part, Segment) and part.title]


def test_headings_are_detected() -> None:
    assert titles(BOOK) == ["The Voyage", "Out at Sea", "Chapter 3", "CHAPTER IV: The Storm", "Epilogue"]


def test_a_heading_is_a_separate_segment() -> None:
    units = [part for part in compose(BOOK, NormalizationOptions("en-US"), 100) if isinstance(part, Segment)]
    assert [unit.text for unit in units if unit.heading][-2:] == ["CHAPTER four: The Storm", "Epilogue"]


def test_a_heading_of_several_segments_is_a_single_heading() -> None:
    assert titles("# " + "A long title it is. " * 10 + "\nText.") == ["A long title it is. " * 5 + "A long title it is."]


@pytest.mark.parametrize(
    "line",
    [
        "Part of the way",
        "#hashtag",
        "Chapter and verse",
        "Book now",
        "part two",
        "In chapter 3 he leaves.",
        "#",
        "Act now.",
    ],
)
def test_other_lines_are_not_headings(line: str) -> None:
    assert titles(f"Before.\n{line}\nAfter.") == []


@pytest.mark.parametrize("line", ["Capítulo 3", "Chapitre IV", "Capitolo 2: La notte", "Prólogo"])
def test_headings_of_other_languages_are_detected(line: str) -> None:
    assert titles(f"{line}\nBla bla.") == [line]


def test_a_chapter_lasts_until_the_next_one() -> None:
    marks = ChapterMarks()
    marks.begin("One", 0.2)
    marks.begin("Two", 2.5)
    assert [(part.title, part.start, part.end) for part in marks.chapters(4.0)] == [("One", 0.2, 2.5), ("Two", 2.5, 4.0)]


def test_without_headings_there_are_no_chapters() -> None:
    assert ChapterMarks().chapters(1.0) == []


@pytest.mark.slow
def test_many_headings_in_a_long_text_are_found_in_one_pass() -> None:
    text = "\n".join(f"# Chapter {number}\n" + "word " * 200 for number in range(500))
    assert len(titles(text)) == 500
