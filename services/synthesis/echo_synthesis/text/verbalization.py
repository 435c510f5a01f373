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
class Verbalization:
    """A verbalisation: the characters `[start, end)` are spoken as `pieces`, which are in the order of the text."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    def moved(self, by: int) -> "Verbalization":
        """Return the verbalisation with its offsets moved."""
        pieces = (Piece(piece.at + by, piece.text, piece.ipa) for piece in self.pieces)
        return Verbalization(self.start + by, self.end + by, tuple(pieces))


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


def verbalize(text: str, rules: Iterable[Rule], existing: Sequence[Verbalization] = ()) -> list[Verbalization]:
    """Verbalise all that the rules match; earlier rules take precedence over later rules, and `existing` over all.

    The result is sorted and does not overlap. Linear in the text's length.
    """
    verbalizations = list(existing)
    left = _without(text, verbalizations)
    for rule in rules:
        found = [
            verbalization for match in rule.pattern.finditer(left) if (verbalization := _verbalization(match, rule.say(match)))
        ]
        if found:
            left = _without(left, found)
            verbalizations += found
    return sorted(verbalizations, key=lambda verbalization: verbalization.start)


def _verbalization(match: re.Match[str], said: Said) -> Verbalization | None:
    if said is None or _TAKEN in match[0] or match.start() == match.end():
        return None
    if isinstance(said, str):
        return Verbalization(*match.span(), (Piece(match.start(), said),))
    pieces = (Piece(match.start(at) if isinstance(at, str) else at, words) for at, words in said)
    return Verbalization(*match.span(), tuple(sorted(pieces, key=lambda piece: piece.at)))


def _without(text: str, verbalizations: Iterable[Verbalization]) -> str:
    """Return the text with its verbalised characters masked; offsets stay the same."""
    parts, end = [], 0
    for verbalization in sorted(verbalizations, key=lambda verbalization: verbalization.start):
        parts += [text[end : verbalization.start], _TAKEN * (verbalization.end - verbalization.start)]
        end = verbalization.end
    return "".join([*parts, text[end:]])
