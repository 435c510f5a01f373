"""Visible text with a source map: its offsets in the original, and the pauses, tones and verbalisations of the markup."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from echo_common.contracts.unspoken_characters import find_unspoken_character
from echo_common.errors import ValidationError
from echo_synthesis.engine import Span
from echo_synthesis.text.verbalization import Verbalization

PARAGRAPH = "\n\n"


@dataclass(frozen=True, slots=True)
class Tone:
    """The prosody of speech as factors; 1 is unchanged."""

    rate: float = 1.0
    volume: float = 1.0
    pitch: float = 1.0


PLAIN = Tone()


@dataclass(frozen=True, slots=True)
class Heading:
    """A title at `[start, end)` of the visible text; `level` is 1 for the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of silence in seconds: of a pause, and of all pauses together."""

    pause: float = 10.0
    pauses: float = 600.0


@dataclass(frozen=True, slots=True)
class VisibleText:
    """The visible text of a document, with its source map.

    `text` has no markup; the offsets below refer to it, and `written` maps them to the original. `pauses` are (offset,
    seconds), `tones` are (offset, tone from there on), `verbalizations` are those that the markup requires. `language`
    is the language that the markup declares.
    """

    text: str
    pauses: Sequence[tuple[int, float]] = ()
    tones: Sequence[tuple[int, Tone]] = ()
    headings: Sequence[Heading] = ()
    verbalizations: Sequence[Verbalization] = ()
    language: str | None = None
    starts: Sequence[int] = (0,)
    origins: Sequence[tuple[int, int | None]] = ((0, None),)

    def written(self, start: int, end: int) -> Span:
        """Return the span in the original of `[start, end)`, which is not empty."""
        return Span(self._origin(start)[0], self._origin(end - 1)[1])

    def with_verbalizations(self, verbalizations: Iterable[Verbalization]) -> "VisibleText":
        """Return a copy with more verbalisations, except where they overlap existing ones."""
        taken = sorted(self.verbalizations, key=lambda verbalization: verbalization.start)
        starts = [verbalization.start for verbalization in taken]

        def free(verbalization: Verbalization) -> bool:
            place = bisect_left(starts, verbalization.end)
            return not place or taken[place - 1].end <= verbalization.start

        more = [*taken, *filter(free, verbalizations)]
        return replace(self, verbalizations=sorted(more, key=lambda verbalization: verbalization.start))

    def _origin(self, offset: int) -> tuple[int, int]:
        place = bisect_right(self.starts, offset) - 1
        first, last = self.origins[place]
        if last is not None:
            return first, last
        there = first + offset - self.starts[place]
        return there, there + 1


@dataclass(slots=True)
class VisibleTextBuilder:
    """A builder of visible text, in the order of the original."""

    original: str
    limits: Limits = field(default_factory=Limits)
    pauses: list[tuple[int, float]] = field(default_factory=list)
    tones: list[tuple[int, Tone]] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    verbalizations: list[Verbalization] = field(default_factory=list)
    length: int = 0
    _parts: list[str] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _origins: list[tuple[int, int | None]] = field(default_factory=list)
    _silence: float = 0.0

    def add_original(self, start: int, end: int) -> None:
        """Add the original's characters `[start, end)`, except pauses and characters without width."""
        for mark in _MARK.finditer(self.original, start, end):
            self._add(self.original[start : mark.start()], start, None)
            start = mark.end()
            if mark["wrong"]:
                refuse("A pause is written [pause:1.5s] or [pause:500ms].", self.original, mark.start())
            if mark[0][0] == "[":
                self._pause(mark)
        self._add(self.original[start:end], start, None)

    def add_replacement(self, text: str, start: int, end: int) -> None:
        """Add `text` as the visible form of `[start, end)` in the original."""
        self._add(text, start, end)

    def begin_paragraph(self, at: int) -> None:
        """Begin a new paragraph."""
        if self._parts and not self._parts[-1].endswith(PARAGRAPH):
            self._add(PARAGRAPH, at, at)

    def add_pause(self, seconds: float, at: int) -> None:
        """Add silence.

        Raises:
            ValidationError: The silence is too long.
        """
        self._silence += seconds
        if seconds > self.limits.pause:
            refuse(f"A pause lasts at most {self.limits.pause:g} seconds.", self.original, at)
        if self._silence > self.limits.pauses:
            refuse(f"All pauses together last at most {self.limits.pauses:g} seconds.", self.original, at)
        if seconds > 0:
            self.pauses.append((self.length, seconds))

    def text(self, start: int) -> str:
        """Return the visible text since `start`."""
        parts: list[str] = []
        place = len(self._parts)
        while place and self._starts[place - 1] >= start:
            place -= 1
            parts.append(self._parts[place])
        return "".join(reversed(parts))

    def build(self, language: str | None = None) -> VisibleText:
        """Return the complete visible text."""
        return VisibleText(
            "".join(self._parts),
            self.pauses,
            self.tones,
            self.headings,
            self.verbalizations,
            language,
            self._starts or [0],
            self._origins or [(0, None)],
        )

    def _pause(self, mark: re.Match[str]) -> None:
        seconds = float(mark["seconds"]) / (1000 if mark["unit"] == "ms" else 1) if mark["seconds"] else _BARE_PAUSE
        self.add_pause(seconds, mark.start())

    def _add(self, text: str, start: int, end: int | None) -> None:
        if not text:
            return
        self._parts.append(text)
        self._starts.append(self.length)
        self._origins.append((start, end))
        self.length += len(text)


_BARE_PAUSE = 0.5
_MARK = re.compile(
    r"\[pause(?:[: ]\s?(?P<seconds>\d{1,6}(?:\.\d{1,6})?)\s?(?P<unit>s|ms))?\]|(?P<wrong>\[pause:)|[\u00ad\u2060\ufeff]",
    re.IGNORECASE,
)


def plain_text(text: str, limits: Limits) -> VisibleText:
    """Return the visible text of a document without markup other than pauses.

    Raises:
        ValidationError: A pause is invalid.
    """
    builder = VisibleTextBuilder(text, limits)
    builder.add_original(0, len(text))
    return builder.build()


def check_characters(text: str) -> None:
    """Raise `ValidationError` with the position of a control character, if there is one."""
    if (at := find_unspoken_character(text)) is not None:
        refuse(f"The text contains the character U+{ord(text[at]):04X}, which cannot be spoken.", text, at)


def refuse(message: str, text: str, at: int) -> NoReturn:
    """Raise `ValidationError` with the position in the text."""
    before = text[:at]
    place = {"position": at, "line": before.count("\n") + 1, "column": at - before.rfind("\n")}
    raise ValidationError(
        f"{message} (Line {place['line']}, column {place['column']}.)", details=[{"field": "text", "message": message, **place}]
    )
