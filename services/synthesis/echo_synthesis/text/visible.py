"""What a reader sees of a text, and where in the text they see it; what a text asks of the speaker besides its words."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from echo_common.errors import ValidationError
from echo_synthesis.engine import Span
from echo_synthesis.text.reading import Reading

PARAGRAPH = "\n\n"


@dataclass(frozen=True, slots=True)
class Tone:
    """How something is to be said: factors, 1 is as it is."""

    rate: float = 1.0
    volume: float = 1.0
    pitch: float = 1.0


PLAIN = Tone()


@dataclass(frozen=True, slots=True)
class Heading:
    """A title at `[start, end)` of what is visible; `level` is 1 for the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much silence a text may ask for, in seconds: at one place, and in all."""

    pause: float = 10.0
    pauses: float = 600.0


@dataclass(frozen=True, slots=True)
class Visible:
    """The text as read by the eye.

    `text` has no markup in it; offsets below are into it, `written` tells where in the original they lie. `pauses` are
    (offset, seconds), `tones` (offset, tone from here on), `readings` what the markup says how
    to say. `language` is what the markup calls the text.
    """

    text: str
    pauses: Sequence[tuple[int, float]] = ()
    tones: Sequence[tuple[int, Tone]] = ()
    headings: Sequence[Heading] = ()
    readings: Sequence[Reading] = ()
    language: str | None = None
    starts: Sequence[int] = (0,)
    origins: Sequence[tuple[int, int | None]] = ((0, None),)

    def written(self, start: int, end: int) -> Span:
        """Where `[start, end)`, which is not empty, stands in the original."""
        return Span(self._origin(start)[0], self._origin(end - 1)[1])

    def also(self, readings: Iterable[Reading]) -> "Visible":
        """With more readings, save where there are some already."""
        taken = sorted(self.readings, key=lambda reading: reading.start)
        starts = [reading.start for reading in taken]

        def free(reading: Reading) -> bool:
            place = bisect_left(starts, reading.end)
            return not place or taken[place - 1].end <= reading.start

        more = [*taken, *filter(free, readings)]
        return replace(self, readings=sorted(more, key=lambda reading: reading.start))

    def _origin(self, offset: int) -> tuple[int, int]:
        place = bisect_right(self.starts, offset) - 1
        first, last = self.origins[place]
        if last is not None:
            return first, last
        there = first + offset - self.starts[place]
        return there, there + 1


@dataclass(slots=True)
class Sight:
    """Collects what is visible, piece by piece, in the order of the original."""

    original: str
    limits: Limits = field(default_factory=Limits)
    pauses: list[tuple[int, float]] = field(default_factory=list)
    tones: list[tuple[int, Tone]] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    length: int = 0
    _parts: list[str] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _origins: list[tuple[int, int | None]] = field(default_factory=list)
    _silence: float = 0.0

    def show(self, start: int, end: int) -> None:
        """The original's characters `[start, end)` are visible, as they are, save pauses and characters that have no width."""
        for mark in _MARK.finditer(self.original, start, end):
            self._add(self.original[start : mark.start()], start, None)
            start = mark.end()
            if mark["wrong"]:
                refuse("A pause is written [pause:1.5s] or [pause:500ms].", self.original, mark.start())
            if mark[0][0] == "[":
                self._pause(mark)
        self._add(self.original[start:end], start, None)

    def put(self, text: str, start: int, end: int) -> None:
        """The reader sees `text` where `[start, end)` is written."""
        self._add(text, start, end)

    def part(self, at: int) -> None:
        """A new paragraph begins."""
        if self._parts and not self._parts[-1].endswith(PARAGRAPH):
            self._add(PARAGRAPH, at, at)

    def rest(self, seconds: float, at: int) -> None:
        """Silence. Raises `ValidationError` when it is too long."""
        self._silence += seconds
        if seconds > self.limits.pause:
            refuse(f"A pause lasts at most {self.limits.pause:g} seconds.", self.original, at)
        if self._silence > self.limits.pauses:
            refuse(f"All pauses together last at most {self.limits.pauses:g} seconds.", self.original, at)
        if seconds > 0:
            self.pauses.append((self.length, seconds))

    def text(self, start: int) -> str:
        """What has become visible since `start`."""
        parts: list[str] = []
        place = len(self._parts)
        while place and self._starts[place - 1] >= start:
            place -= 1
            parts.append(self._parts[place])
        return "".join(reversed(parts))

    def whole(self, language: str | None = None) -> Visible:
        """All of it."""
        return Visible(
            "".join(self._parts),
            self.pauses,
            self.tones,
            self.headings,
            self.readings,
            language,
            self._starts or [0],
            self._origins or [(0, None)],
        )

    def _pause(self, mark: re.Match[str]) -> None:
        seconds = float(mark["seconds"]) / (1000 if mark["unit"] == "ms" else 1) if mark["seconds"] else _BARE_PAUSE
        self.rest(seconds, mark.start())

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
_CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def as_it_is(text: str, limits: Limits) -> Visible:
    """A text without markup, save pauses. Raises `ValidationError`."""
    sight = Sight(text, limits)
    sight.show(0, len(text))
    return sight.whole()


def check_characters(text: str) -> None:
    """Raises `ValidationError` with the place of a control character."""
    if found := _CONTROL.search(text):
        refuse(f"The text holds the character U+{ord(found[0]):04X}, which cannot be spoken.", text, found.start())


def refuse(message: str, text: str, at: int) -> NoReturn:
    """Raise `ValidationError` with the place in the text."""
    before = text[:at]
    place = {"position": at, "line": before.count("\n") + 1, "column": at - before.rfind("\n")}
    raise ValidationError(
        f"{message} (Line {place['line']}, column {place['column']}.)", details=[{"field": "text", "message": message, **place}]
    )
