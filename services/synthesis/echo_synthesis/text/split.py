"""Segmentation of a text: after sentences, in long sentences after clauses, else between words."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum

from echo_synthesis.engine import Span
from echo_synthesis.text.abbreviations import LIKELY_STARTERS, NEVER_LAST, SOMETIMES_LAST

MARKS_KEPT = 8
"""Maximum punctuation kept on either side of a segment; more of it is decoration that no engine speaks."""


class Break(IntEnum):
    """The quality of a cut between two words."""

    WORD = 0
    CLAUSE = 1
    SENTENCE = 2


def sentences(text: str, words: Sequence[Span], joined: Collection[int] = ()) -> Iterator[range]:
    """Yield the indices of the words of each sentence; no sentence ends after a word in `joined`."""
    first = 0
    for index in range(len(words)):
        if index + 1 == len(words) or (index not in joined and break_after(text, words, index) is Break.SENTENCE):
            yield range(first, index + 1)
            first = index + 1


def pieces(
    text: str, words: Sequence[Span], sentence: range, limit: int, said: Sequence[Span], joined: Collection[int] = ()
) -> Iterator[range]:
    """Split a sentence into even segments of at most `limit` spoken characters, after clauses in their second half if possible.

    `said` is the span that each word would have if the text were written as it is spoken. No cut is made after a word in
    `joined`.
    """
    first, stop = sentence.start, sentence.stop
    while first < stop:
        remaining = said[stop - 1].end - said[first].start
        if remaining <= limit:
            yield range(first, stop)
            return
        wanted = remaining / -(-remaining // limit)
        last = clause = first
        while last + 1 < stop and said[last + 1].end - said[first].start <= limit:
            if said[last].end - said[first].start >= wanted / 2 and break_after(text, words, last) is Break.CLAUSE:
                clause = last
            last += 1
        if clause == first:
            while last > first and said[last].end - said[first].start > wanted * 1.1:
                last -= 1
        cut = clause if clause > first else last
        cut = _unjoined(cut, first, stop, joined)
        yield range(first, cut + 1)
        first = cut + 1


def _unjoined(cut: int, first: int, stop: int, joined: Collection[int]) -> int:
    """Return the nearest earlier cut, else the nearest later cut, that does not separate words verbalised together."""
    before = cut
    while before > first and before in joined:
        before -= 1
    if before not in joined:
        return before
    while cut + 1 < stop and cut in joined:
        cut += 1
    return cut


def lead(text: str, after: int, before: int) -> int:
    """Return the start of a segment, which includes opening punctuation directly before its first word."""
    start = before
    while start > after and before - start < MARKS_KEPT and text[start - 1] in _OPENING:
        start -= 1
    return start


def trail(text: str, after: int, before: int) -> int:
    """Return the end of a segment, which includes punctuation after its last word."""
    gap = text[after : min(before, after + MARKS_KEPT)]
    return after + len(_CLOSING.match(gap)[0])  # type: ignore[index]  # the pattern matches the empty string


WIDEST_GAP = 200
"""Maximum number of characters between two words of a sentence."""

_SHORT_NAME = 4
_OPENING = frozenset("\"'“‘„«‹([{¿¡*_`-−.")
_CLOSING = re.compile(r"(?: ?[.,;:!?…।۔؟。！？、，；：—–―]+| ?[\"'”’»›)\]}*_`]+)*")
_STOP = re.compile(r"[.!?…।۔؟。！？]+")
_WIDE_STOP = re.compile(r"[。！？]")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n|[\f\v\u2028\u2029]")
_BULLET = re.compile(r"\n[^\S\n]*+(?:[-*•‣▪]|\d{1,3}[.)])\s")
_CLAUSE = re.compile(r"[,;:—–―)\]\n、，；：]|--")
_QUOTE_AFTER_STOP = re.compile(r"[!?.…][\"'”’»)]")


def break_after(text: str, words: Sequence[Span], index: int) -> Break:
    """Return the quality of a cut after the word `index`."""
    word, following = words[index], words[index + 1]
    if following.start - word.end > WIDEST_GAP:
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


def is_abbreviation(text: str, words: Sequence[Span], index: int) -> bool:
    """Return whether the punctuation after a word is a full stop that ends no sentence."""
    if index + 1 == len(words) or text[words[index].end : words[index + 1].start].strip() != ".":
        return False
    return break_after(text, words, index) is not Break.SENTENCE


def _ends_sentence(text: str, words: Sequence[Span], index: int, gap: str) -> bool:
    """Return whether the punctuation after the word `index` ends a sentence, not an abbreviation, an initial or a number."""
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
    if _may_be_abbreviation(word):
        return following.casefold() in LIKELY_STARTERS
    return True


def _may_be_abbreviation(word: str) -> bool:
    """Return whether a word before a full stop is an initial or an abbreviation that may end a sentence."""
    plain = word.replace(".", "").casefold()
    initial = len(plain) == 1 and word.isalpha() and word.isupper() and word != "I"
    dotted = "." in word and all(len(part) <= 2 for part in word.split("."))
    return initial or dotted or plain in SOMETIMES_LAST


def needs_following_words(word: str) -> bool:
    """Return whether the words after a full stop decide if it ends a sentence after this word, or a date, a title or a number."""
    short_name = len(word) <= _SHORT_NAME and word[0].isupper() and word.casefold() not in LIKELY_STARTERS
    return short_name or any(map(str.isdigit, word)) or word.casefold() in NEVER_LAST or _may_be_abbreviation(word)
