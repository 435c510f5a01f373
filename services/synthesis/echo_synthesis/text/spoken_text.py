"""Spoken text of a segment, composed word by word, with the written word that each spoken word stands for."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence

from echo_synthesis.engine import Span
from echo_synthesis.text.words import PICTURES, find_words

_NO_MARKS = re.compile(r"[^\s.,;:!?…।۔؟。！？、，；：—–―\-\"'“”‘’„«»‹›()\[\]¿¡]+")
_SPACE = re.compile(r"\s+")
_NOT_SAID = re.compile(rf"{PICTURES}|[*`~^|\u00ad\u200b]+|\\(?!\w)")
_CLOSING = frozenset(".,;:!?…।")
_STOPS = frozenset(".!?…।۔؟。！？")


class SpokenText:
    """A spoken text, composed from left to right. `words` are the written words of `source`, `ends` their ends."""

    def __init__(self, source: str, words: Sequence[Span], ends: Sequence[int], longest: int) -> None:
        self.text = ""
        self.spoken: list[Span] = []
        self.owners: list[int] = []
        self.pronunciations: list[str | None] = []
        self._source = source
        self._words = words
        self._ends = ends
        self._longest = longest

    def copy(self, start: int, end: int) -> None:
        """Append `[start, end)` as it is written, without characters that are not spoken."""
        place = bisect_right(self._ends, start)
        while place < len(self._words) and (word := self._words[place]).start < end:
            self._mark(self._source[start : max(start, word.start)])
            first, start = max(start, word.start), min(word.end, end)
            self._say(_NOT_SAID.sub("", self._source[first:start]), place)
            place += 1
        self._mark(self._source[start:end])

    def add_words(self, text: str, ipa: str | None, owner: int) -> None:
        """Append words in place of the written word `owner`; with `ipa` they are a single word."""
        if not text.strip():
            self._mark(" ")
            return
        if (
            self.text
            and not self.text[-1].isspace()
            and (self.text[-1].isalnum() or self.text[-1] in ".,;:!?%")
            and text[0].isalnum()
        ):
            self.text += " "
        if ipa is None:
            self._say(text, owner)
        else:
            self._spoken(Span(0, len(text)), owner, ipa)
            self.text += text
        self._loose = True

    def end_sentence(self, mark: str) -> None:
        """Append the punctuation that ends the sentence, if an abbreviation consumed it."""
        self.text = self.text.rstrip()
        if self.text and self.text[-1].isalnum() and mark in _STOPS:
            self.text += mark

    _loose = False

    def _say(self, text: str, owner: int) -> None:
        if text and self._loose and self.text[-1:].isalnum() and text[0].isalnum():
            self.text += " "
        self._loose = False
        for span in find_words(text, self._longest):
            self._spoken(span, owner, None)
        self.text += text

    def _mark(self, gap: str) -> None:
        kept = _SPACE.sub(" ", _NO_MARKS.sub("", gap))
        if kept[:1] in _CLOSING:
            self.text = self.text.rstrip()
        self.text += kept.lstrip() if self.text[-1:] in {" ", ""} else kept
        self._loose = self._loose and not kept

    def _spoken(self, span: Span, owner: int, ipa: str | None) -> None:
        self.spoken.append(Span(len(self.text) + span.start, len(self.text) + span.end))
        self.owners.append(owner)
        self.pronunciations.append(ipa)


def marks(gap: str) -> str:
    """Return the punctuation in the text between two words."""
    return _NO_MARKS.sub("", gap).strip()


def shares(owners: Sequence[int], words: Sequence[Span], piece: range, joined: Collection[int]) -> list[tuple[int, int]]:
    """Return for each written word of a segment the spoken words `[first, stop)` it stands for.

    Words verbalised together, of which some have no spoken words, divide those of their neighbour, or share them if there are
    too few.
    """
    counts = dict.fromkeys(piece, 0)
    for owner in owners:
        counts[owner] += 1
    found: list[tuple[int, int]] = []
    at, run = 0, [piece.start]
    for word in piece:
        following = word + 1
        if following in counts and word in joined and not (counts[following] and any(counts[each] for each in run)):
            run.append(following)
            continue
        total = sum(counts[each] for each in run)
        found += [(at + first, at + stop) for first, stop in _divided(total, [words[each] for each in run])]
        at, run = at + total, [following]
    return found


def _divided(total: int, words: Sequence[Span]) -> list[tuple[int, int]]:
    """Divide spoken words among written words: at least one each, the rest by length; all are shared if there are too few."""
    if total < len(words):
        return [(0, total)] * len(words)
    rest, length = total - len(words), sum(word.end - word.start for word in words)
    ends = [
        number + 1 + rest * sum(word.end - word.start for word in words[: number + 1]) // length for number in range(len(words))
    ]
    return list(zip([0, *ends], ends, strict=False))
