"""Script of a text: its segments with their spoken and written words, and its pauses."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from echo_synthesis.engine import Span
from echo_synthesis.text import split
from echo_synthesis.text.source_map import PLAIN, Heading, Tone, VisibleText, refuse
from echo_synthesis.text.spoken_text import SpokenText, marks, shares
from echo_synthesis.text.verbalization import Rules, Verbalization, verbalize
from echo_synthesis.text.words import find_words

_EMPHASIS = re.compile(r"[*_`]+")
_LONGEST_TITLE = 120

Joint = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A visible word, its span in the original, and the spoken words it stands for.

    `[first, stop)` are indices of the segment's spoken words: empty when it is not spoken, equal to a neighbour's when several
    written words are spoken as a single word. `before` and `after` are the punctuation around it; `ends` marks the last word of
    a sentence.
    """

    text: str
    written: Span
    first: int
    stop: int
    before: str = ""
    after: str = ""
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: `text` is the engine's input, `spoken` are the spans of its words.

    `pronunciations` (IPA or None) has an entry for each spoken word, or is empty. `heading` is the heading that contains the
    segment, if any; `title` is the visible text of that heading, if it begins here. `joint` is the side on which it was separated
    from the rest of its phrase, so that there is no pause.
    """

    text: str
    spoken: tuple[Span, ...]
    words: tuple[WrittenWord, ...]
    pronunciations: tuple[str | None, ...] = ()
    tone: Tone = PLAIN
    heading: Heading | None = None
    title: str = ""
    joint: Joint | None = None

    def said(self, word: WrittenWord) -> str:
        """Return the spoken form of a written word of the segment."""
        if word.first == word.stop:
            return ""
        return self.text[self.spoken[word.first].start : self.spoken[word.stop - 1].end]


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence of an exact duration."""

    seconds: float


Part = Segment | Pause


def write(original: str, visible: VisibleText, rules: Rules, limit: int, *, first_limit: int | None = None) -> list[Part]:
    """Return the script of a text: segments of at most `limit` characters, and pauses, in order.

    Every visible word is in exactly one segment. A first sentence longer than `first_limit` is split further, so that the audio
    starts sooner. Without words to speak there are no segments. Linear in the text's length.

    Raises:
        ValidationError: A verbalisation that the markup requires is too long for a segment.
    """
    parts: list[Part] = []
    begun = False
    for start, end, tone, silence in _stretches(visible):
        stretch = _Stretch(original, visible, start, end, tone, rules, limit)
        segments = list(stretch.segments(limit if begun else min(limit, first_limit or limit)))
        begun = begun or bool(segments)
        parts += segments
        if silence:
            parts.append(Pause(silence))
    return parts


def _stretches(visible: VisibleText) -> Iterator[tuple[int, int, Tone, float]]:
    """Yield the parts of the text between pauses and changes of tone: (start, end, tone, seconds of silence after it)."""
    silences: dict[int, float] = {}
    for at, seconds in visible.pauses:
        silences[at] = silences.get(at, 0.0) + seconds
    tones = dict(visible.tones)
    start, tone = 0, PLAIN
    for end in sorted({*silences, *tones, len(visible.text)}):
        if end > start or end in silences:
            yield start, end, tone, silences.get(end, 0.0)
        start, tone = end, tones.get(end, tone)


class _Stretch:
    """A part of the text without pauses and changes of tone; offsets are relative to it."""

    def __init__(self, original: str, visible: VisibleText, start: int, end: int, tone: Tone, rules: Rules, limit: int) -> None:
        self._original = original
        self._visible = visible
        self._offset = start
        self._tone = tone
        self._room = max(1, limit - 2 * split.MARKS_KEPT)
        self._text = visible.text[start:end]
        self._words = list(find_words(self._text, self._room))
        self._starts = [word.start for word in self._words]
        self._ends = [word.end for word in self._words]
        self._verbalizations: list[Verbalization] = []
        self._owners: list[tuple[int, ...]] = []
        self._joined: set[int] = set()
        self._chain = (0, -1)
        self._length = 0
        if self._words:
            first, last = (
                bisect_left(visible.verbalizations, at, key=lambda verbalization: verbalization.start) for at in (start, end)
            )
            fixed = [
                verbalization.moved(-start) for verbalization in visible.verbalizations[first:last] if verbalization.end <= end
            ]
            places = {verbalization.start for verbalization in fixed}
            for verbalization in verbalize(self._text, rules, fixed):
                self._assign(verbalization, fixed=verbalization.start in places)

    def segments(self, first_limit: int) -> Iterator[Segment]:
        """Yield the segments in order."""
        said = self._said()
        room = max(1, first_limit - 2 * split.MARKS_KEPT)
        for sentence in split.sentences(self._text, self._words, self._joined):
            for piece in split.pieces(self._text, self._words, sentence, room, said, self._joined):
                yield self._segment(piece, ends=piece.stop == sentence.stop)
            room = self._room

    def _assign(self, verbalization: Verbalization, *, fixed: bool) -> None:
        """Assign each piece of a verbalisation to a written word. A verbalisation too long for a segment is omitted."""
        first, last = bisect_right(self._ends, verbalization.start), bisect_left(self._starts, verbalization.end) - 1
        if first > last:  # symbols between words: spoken with the word before
            first = last = max(0, first - 1)
        chained = first <= self._chain[1]  # overlaps the words of the previous verbalisation
        began = self._chain[0] if chained else first
        self._length = (self._length if chained else 0) + sum(len(piece.text) + 2 for piece in verbalization.pieces)
        if self._length + self._ends[last] - self._starts[began] > self._room:
            self._length = self._room
            if fixed:
                at = self._visible.written(self._offset + verbalization.start, self._offset + verbalization.end).start
                refuse("This passage exceeds the engine's segment limit; shorten it.", self._original, at)
            return
        self._chain = (began, last)
        self._verbalizations.append(verbalization)
        self._owners.append(
            tuple(min(max(bisect_right(self._starts, piece.at) - 1, first), last) for piece in verbalization.pieces)
        )
        self._joined.update(range(first, last))

    def _said(self) -> list[Span]:
        """Return the spans that the words would have if the text were written as it is spoken."""
        more = [0] * len(self._words)
        for verbalization, owners in zip(self._verbalizations, self._owners, strict=True):
            for piece, owner in zip(verbalization.pieces, owners, strict=True):
                more[owner] += len(piece.text) + 2
        spans: list[Span] = []
        at = before = 0
        for word, extra in zip(self._words, more, strict=True):
            start = at + word.start - before
            at, before = start + word.end - word.start + extra, word.end
            spans.append(Span(start, at))
        return spans

    def _segment(self, piece: range, *, ends: bool) -> Segment:
        verbalizations = slice(bisect_left(self._owners, (piece.start,)), bisect_left(self._owners, (piece.stop,)))
        inside = self._verbalizations[verbalizations]
        start, end = self._edges(piece, inside)
        spoken = SpokenText(self._text, self._words, self._ends, self._room)
        at = start
        for verbalization, owners in zip(inside, self._owners[verbalizations], strict=True):
            spoken.copy(at, verbalization.start)
            for said, owner in zip(verbalization.pieces, owners, strict=True):
                spoken.add_words(said.text, said.ipa, owner)
            at = verbalization.end
        spoken.copy(at, end)
        spoken.end_sentence(self._text[end - 1])
        heading = self._heading(self._words[piece.start])
        return Segment(
            spoken.text,
            tuple(spoken.spoken),
            tuple(self._written(piece, spoken.owners, start, end, ends=ends)),
            tuple(spoken.pronunciations) if any(spoken.pronunciations) else (),
            self._tone,
            heading,
            self._title(heading, self._words[piece.start]) if heading else "",
        )

    def _edges(self, piece: range, verbalizations: Sequence[Verbalization]) -> tuple[int, int]:
        """Return the range of a segment: its words, their verbalisations, and the punctuation around them."""
        start, end = self._starts[piece.start], self._ends[piece.stop - 1]
        if verbalizations:
            start, end = min(start, verbalizations[0].start), max(end, verbalizations[-1].end)
        before = split.trail(self._text, self._ends[piece.start - 1], start) if piece.start else 0
        after = self._starts[piece.stop] if piece.stop < len(self._words) else len(self._text)
        return split.lead(self._text, min(before, start), start), split.trail(self._text, end, max(after, end))

    def _written(self, piece: range, owners: list[int], start: int, end: int, *, ends: bool) -> Iterator[WrittenWord]:
        for word, (first, stop) in zip(piece, shares(owners, self._words, piece, self._joined), strict=True):
            span = self._words[word]
            before = self._text[min(start, span.start) : span.start] if word == piece.start else self._before(word)
            after = self._text[span.end : max(end, span.end)] if word + 1 == piece.stop else self._after(word)
            yield WrittenWord(
                self._text[span.start : span.end],
                self._visible.written(self._offset + span.start, self._offset + span.end),
                first,
                stop,
                marks(before),
                marks(after),
                ends and word + 1 == piece.stop,
            )

    def _before(self, word: int) -> str:
        start, gap = self._starts[word], self._starts[word] - self._ends[word - 1]
        return self._text[split.lead(self._text, self._ends[word - 1] + min(gap, 1), start) : start] if gap > 1 else ""

    def _after(self, word: int) -> str:
        gap = self._text[self._ends[word] : self._starts[word + 1]]
        return gap.rsplit(None, 1)[0] if gap[:1].strip() and not gap[-1:].strip() else gap.partition(" ")[0]

    def _heading(self, word: Span) -> Heading | None:
        at = self._offset + word.start
        place = bisect_right(self._visible.headings, at, key=lambda heading: heading.start) - 1
        return self._visible.headings[place] if place >= 0 and at < self._visible.headings[place].end else None

    def _title(self, heading: Heading, first: Span) -> str:
        """Return the visible text of a heading; empty if it began in an earlier segment."""
        begun = bisect_left(self._starts, heading.start - self._offset)
        whole = _EMPHASIS.sub("", self._visible.text[heading.start : heading.end]).strip()
        return whole[:_LONGEST_TITLE].rstrip() if self._starts[begun] == first.start else ""
