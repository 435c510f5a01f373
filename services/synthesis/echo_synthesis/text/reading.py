"""How written text is said: rules that read parts of it aloud, each bound to the characters it reads."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Said = str | Sequence[tuple[int | str, str]] | None
"""What a rule makes of a match: words for the whole of it, words for each group or offset, or None to leave it to other rules."""

Say = Callable[[re.Match[str]], Said]

_TAKEN = "\0"


@dataclass(frozen=True, slots=True)
class Piece:
    """Spoken words for what is written at offset `at`; with `ipa` they are one word, pronounced so."""

    at: int
    text: str
    ipa: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The characters `[start, end)` are said as `pieces`, which are in the order of the text."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    def moved(self, by: int) -> "Reading":
        """The same in a text that begins elsewhere."""
        pieces = (Piece(piece.at + by, piece.text, piece.ipa) for piece in self.pieces)
        return Reading(self.start + by, self.end + by, tuple(pieces))


@dataclass(frozen=True, slots=True)
class Rule:
    """What `pattern` finds is read by `say`."""

    pattern: re.Pattern[str]
    say: Say


class Rules(list[Rule]):
    """Rules in the order in which they are tried."""

    def add(self, *patterns: str) -> Callable[[Say], Say]:
        """Register a function for patterns, in their order."""

        def register(say: Say) -> Say:
            self.extend(Rule(re.compile(pattern), say) for pattern in patterns)
            return say

        return register


def read(text: str, rules: Iterable[Rule], already: Sequence[Reading] = ()) -> list[Reading]:
    """Read all that the rules know, the earlier rule first; nothing is read twice, what is read `already` stays so.

    Sorted, not overlapping. Linear in the text's length.
    """
    readings = list(already)
    left = _without(text, readings)
    for rule in rules:
        found = [reading for match in rule.pattern.finditer(left) if (reading := _reading(match, rule.say(match)))]
        if found:
            left = _without(left, found)
            readings += found
    return sorted(readings, key=lambda reading: reading.start)


def _reading(match: re.Match[str], said: Said) -> Reading | None:
    if said is None or _TAKEN in match[0] or match.start() == match.end():
        return None
    if isinstance(said, str):
        return Reading(*match.span(), (Piece(match.start(), said),))
    pieces = (Piece(match.start(at) if isinstance(at, str) else at, words) for at, words in said)
    return Reading(*match.span(), tuple(sorted(pieces, key=lambda piece: piece.at)))


def _without(text: str, readings: Iterable[Reading]) -> str:
    """The text with what is read blotted out, so that it still stands where it stood."""
    parts, end = [], 0
    for reading in sorted(readings, key=lambda reading: reading.start):
        parts += [text[end : reading.start], _TAKEN * (reading.end - reading.start)]
        end = reading.end
    return "".join([*parts, text[end:]])
