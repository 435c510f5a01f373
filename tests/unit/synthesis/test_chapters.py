"""Headings become chapters."""

import pytest

from echo_synthesis.domain import ChapterMarks
from echo_synthesis.domain.chapters import headings

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


def test_lines_that_are_headings_are_found_where_their_titles_begin() -> None:
    found = list(headings(BOOK))
    assert [heading.title for heading in found] == [
        "The Voyage",
        "Out at Sea",
        "Chapter 3",
        "CHAPTER IV: The Storm",
        "Epilogue",
    ]
    assert all(BOOK[heading.char_start :].startswith(heading.title[:5]) for heading in found)


@pytest.mark.parametrize(
    "line",
    [
        "Part of the way",
        "#hashtag",
        "Chapter and verse",
        "Book now",
        "In chapter 3 he leaves.",
        "# " + "x" * 200,
        "#",
        "Act now.",
    ],
)
def test_other_lines_are_none(line: str) -> None:
    assert list(headings(line)) == []


def test_a_chapter_lasts_until_the_next_one() -> None:
    text = "# One\nfirst words\n# Two\nmore"
    marks = ChapterMarks(text)
    for word, seconds in (("One", 0.2), ("first", 1.0), ("Two", 2.5), ("more", 3.0)):
        marks.pass_word(text.index(word), seconds)
    assert [(part.title, part.start, part.end) for part in marks.chapters(4.0)] == [("One", 0.2, 2.5), ("Two", 2.5, 4.0)]


def test_without_headings_there_are_no_chapters() -> None:
    marks = ChapterMarks("Just words.")
    marks.pass_word(0, 0.0)
    assert marks.chapters(1.0) == []


def test_many_headings_in_a_long_text_are_found_in_one_pass() -> None:
    text = "\n".join(f"# Chapter {number}\n" + "word " * 200 for number in range(500))
    assert len(list(headings(text))) == 500
