"""Verbalisation: rules that replace parts of a written text by spoken words, each bound to the characters it replaces."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Said = str | Sequence[tuple[int | str, str]] | None
"""Result of a rule for a match: words for all of it, words for each group or offset, or None to leave it to other rules."""

Say = Callable[[re.Match[str]], Said]

_TAKEN = "\0"


@dataclass(frozen=True, slots=True)
class Piece:
    """Spoken words for the text at offset `at`; with `ipa` they are a single word with that pronunciation."""

    at: int
    text: str
    ipa: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A verbalisation: the characters `[start, end)` are spoken as `pieces`, which are in the order of the text."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    def moved(self, by: int) -> "Reading":
        """Return the verbalisation with its offsets moved."""
        pieces = (Piece(piece.at + by, piece.text, piece.ipa) for piece in self.pieces)
        return Reading(self.start + by, self.end + by, tuple(pieces))


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and the function that verbalises its matches."""

    pattern: re.Pattern[str]
    say: Say


class Rules(list[Rule]):
    """Rules in the order of their precedence."""

    def add(self, *patterns: str) -> Callable[[Say], Say]:
        """Register a function for patterns, in their order."""

        def register(say: Say) -> Say:
            self.extend(Rule(re.compile(pattern), say) for pattern in patterns)
            return say

        return register


def read(text: str, rules: Iterable[Rule], already: Sequence[Reading] = ()) -> list[Reading]:
    """Verbalise all that the rules match; earlier rules take precedence over later rules, and `already` over all.

    The result is sorted and does not overlap. Linear in the text's length.
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
    """Return the text with its verbalised characters masked; offsets stay the same."""
    parts, end = [], 0
    for reading in sorted(readings, key=lambda reading: reading.start):
        parts += [text[end : reading.start], _TAKEN * (reading.end - reading.start)]
        end = reading.end
    return "".join([*parts, text[end:]])
