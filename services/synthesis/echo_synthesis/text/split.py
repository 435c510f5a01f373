"""Written text into units of speech: by sentence, where one is too long by clause, then between words."""

# ruff: noqa: RUF001  (the typographic marks are the subject)
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from echo_synthesis.engine import Span
from echo_synthesis.text.abbreviations import LIKELY_STARTERS, NEVER_LAST, SOMETIMES_LAST
from echo_synthesis.text.words import find_words

_MARKS_KEPT = 8
"""Punctuation kept on either side of a unit; more of it is decoration that no engine speaks."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of a text to be spoken at once.

    `text` is cut from the original at `char_start`; `words` are spans within `text`.
    """

    text: str
    char_start: int
    words: tuple[Span, ...]


class Break(IntEnum):
    """How well a text can be cut between two words."""

    WORD = 0
    CLAUSE = 1
    SENTENCE = 2


def split(text: str, max_characters: int, *, first_max_characters: int | None = None) -> list[Unit]:
    """Cut `text` into units of at most `max_characters` each; every written word is in exactly one of them.

    A first sentence longer than `first_max_characters` is cut further, so that the first sound comes sooner.
    Empty when there is nothing to speak. Linear in the text's length.
    """
    words = list(find_words(text, max(1, max_characters - 2 * _MARKS_KEPT)))
    units: list[Unit] = []
    for sentence in _sentences(text, words):
        limit = min(max_characters, first_max_characters or max_characters) if not units else max_characters
        for first, last in _pieces(text, words, sentence, max(1, limit - 2 * _MARKS_KEPT)):
            units.append(_unit(text, words, first, last))
    return units


def _sentences(text: str, words: Sequence[Span]) -> Iterator[range]:
    first = 0
    for index in range(len(words)):
        if index + 1 == len(words) or break_after(text, words, index) is Break.SENTENCE:
            yield range(first, index + 1)
            first = index + 1


def _pieces(text: str, words: Sequence[Span], sentence: range, limit: int) -> Iterator[tuple[int, int]]:
    """Even pieces of at most `limit` characters, cut after a clause where one ends in a piece's second half."""
    first, stop = sentence.start, sentence.stop
    while first < stop:
        remaining = words[stop - 1].end - words[first].start
        if remaining <= limit:
            yield first, stop - 1
            return
        wanted = remaining / -(-remaining // limit)
        last = clause = first
        while last + 1 < stop and words[last + 1].end - words[first].start <= limit:
            if words[last].end - words[first].start >= wanted / 2 and break_after(text, words, last) is Break.CLAUSE:
                clause = last
            last += 1
        if clause == first:
            while last > first and words[last].end - words[first].start > wanted * 1.1:
                last -= 1
        cut = clause if clause > first else last
        yield first, cut
        first = cut + 1


def _unit(text: str, words: Sequence[Span], first: int, last: int) -> Unit:
    start = _lead(text, _trail(text, words, first - 1) if first else 0, words[first].start)
    end = _trail(text, words, last)
    return Unit(text[start:end], start, tuple(Span(word.start - start, word.end - start) for word in words[first : last + 1]))


def _lead(text: str, after: int, before: int) -> int:
    """Where a unit begins: opening marks directly before its first word are its own."""
    start = before
    while start > after and before - start < _MARKS_KEPT and text[start - 1] in _OPENING:
        start -= 1
    return start


def _trail(text: str, words: Sequence[Span], last: int) -> int:
    """Where a unit ends: marks after its last word are its own."""
    after = words[last].end
    before = words[last + 1].start if last + 1 < len(words) else len(text)
    gap = text[after : min(before, after + _MARKS_KEPT)]
    return after + len(_CLOSING.match(gap)[0])  # type: ignore[index]  # the pattern matches the empty string


_WIDEST_GAP = 200
_OPENING = frozenset("\"'“‘„«‹([{¿¡*_-−.")
_CLOSING = re.compile(r"(?: ?[.,;:!?…。！？、，；：—–―]+| ?[\"'”’»›)\]}*_]+)*")
_STOP = re.compile(r"[.!?…。！？]+")
_WIDE_STOP = re.compile(r"[。！？]")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n|[\f\v\u2028\u2029]")
_BULLET = re.compile(r"\n\s*(?:[-*•‣▪]|\d{1,3}[.)])\s")
_CLAUSE = re.compile(r"[,;:—–―)\]\n、，；：]|--")
_QUOTE_AFTER_STOP = re.compile(r"[!?.…]+[\"'”’»)]")


def break_after(text: str, words: Sequence[Span], index: int) -> Break:
    """How well the text can be cut after word `index`."""
    word, following = words[index], words[index + 1]
    if following.start - word.end > _WIDEST_GAP:
        return Break.SENTENCE
    gap = text[word.end : following.start]
    if _PARAGRAPH.search(gap) or _BULLET.search(text, word.end, following.start + 4):
        return Break.SENTENCE
    stop = _STOP.search(gap)
    if (
        stop
        and (_WIDE_STOP.search(gap) or any(map(str.isspace, gap[stop.start() :])))
        and _ends_sentence(text, words, index, gap)
    ):
        return Break.SENTENCE
    return Break.CLAUSE if _CLAUSE.search(gap) else Break.WORD


def _ends_sentence(text: str, words: Sequence[Span], index: int, gap: str) -> bool:
    """Whether the stop in the gap after word `index` ends a sentence, or an abbreviation, an initial, a number."""
    following = text[words[index + 1].start : words[index + 1].end]
    lower = following[0].islower()
    marks = _STOP.search(gap)
    assert marks is not None  # noqa: S101
    if marks[0] != ".":
        return not lower or not (set(marks[0]) <= {".", "…"} or _QUOTE_AFTER_STOP.search(gap))
    if lower:
        return False
    word = text[words[index].start : words[index].end]
    plain = word.replace(".", "").casefold()
    opens_line = index == 0 or "\n" in text[words[index - 1].end : words[index].start]
    if plain in NEVER_LAST or (opens_line and word.isdigit()):
        return False
    initial = len(plain) == 1 and word.isalpha() and word.isupper() and word != "I"
    dotted = "." in word and all(len(part) <= 2 for part in word.split("."))
    if initial or dotted or plain in SOMETIMES_LAST:
        return following.casefold() in LIKELY_STARTERS
    return True
