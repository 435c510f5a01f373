"""Headings in a text, so that a long audio has chapters."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echo_synthesis.domain.audio import Chapter

_LONGEST_TITLE = 120
_MARKDOWN = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<title>\S.*?)[ \t#]*$")
_NUMBER = (
    r"(?:\d{1,4}|[ivxlcdm]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[ -][a-z]{3,5})?)"
)
_SPOKEN = re.compile(
    rf"^[ \t]*(?P<title>(?:(?:chapter|part|book|act|canto|section)[ \t]+{_NUMBER}\b"
    r"|prologue|epilogue|introduction|preface|foreword|afterword)(?:[ \t]*[.:\u2014\u2013-][^\n]*)?)[ \t]*$",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(r"[*_`]+")


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that names what follows, and where in the text it begins."""

    title: str
    char_start: int


def headings(text: str) -> Iterator[Heading]:
    """Lines that are Markdown headings (`# …`), or say "Chapter 3" and its like and nothing else.

    Lazily, line by line: a long text is not copied.
    """
    for line in re.finditer(r"[^\n]+", text):
        if line.end() - line.start() <= _LONGEST_TITLE and (found := _MARKDOWN.match(line[0]) or _SPOKEN.match(line[0])):
            title = _EMPHASIS.sub("", found["title"]).strip()
            yield Heading(title, line.start() + found.start("title"))


class ChapterMarks:
    """Places headings in an audio as its words come by, in order."""

    def __init__(self, text: str) -> None:
        self._headings = headings(text)
        self._next = next(self._headings, None)
        self._starts: list[tuple[str, float]] = []

    def pass_word(self, char_start: int, seconds: float) -> None:
        """A word that begins there in the text sounds then."""
        while self._next is not None and char_start >= self._next.char_start:
            self._starts.append((self._next.title, seconds))
            self._next = next(self._headings, None)

    def chapters(self, duration: float) -> Sequence[Chapter]:
        """The chapters of an audio of that length, each until the next one; none without headings."""
        ends = [*(start for _, start in self._starts[1:]), duration]
        return [Chapter(title=title, start=start, end=end) for (title, start), end in zip(self._starts, ends, strict=False)]
