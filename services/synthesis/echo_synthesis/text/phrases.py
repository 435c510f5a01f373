"""Runs of words that espeak pronounces at once without loss."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from echo_synthesis.engine import Span

# espeak silently drops the rest of a clause beyond 1,000 phonemes
_MOST_SOUNDS = 500
_LONGEST_PIECE = 40


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or a part of a word too long to be pronounced at once: its span, the index of its word, and its sounds alone."""

    span: Span
    word: int
    sounds: str


def phrases(text: str, words: Sequence[Span], alone: Callable[[str], str], first: int = 0) -> Iterator[Sequence[Piece]]:
    """Yield all of `words`, the first of which has the index `first`, in runs short enough for espeak.

    `alone` pronounces a single word.
    """
    phrase: list[Piece] = []
    length = 0
    for piece in _pieces(text, words, alone, first):
        # separate the parts of a word: espeak would pronounce adjacent parts as the whole word again
        if phrase and (piece.word == phrase[-1].word or length + len(piece.sounds) > _MOST_SOUNDS):
            yield phrase
            phrase, length = [], 0
        phrase.append(piece)
        length += len(piece.sounds) + 1
    if phrase:
        yield phrase


def _pieces(text: str, words: Sequence[Span], alone: Callable[[str], str], first: int) -> Iterator[Piece]:
    for index, word in enumerate(words, first):
        for start in range(word.start, word.end, _LONGEST_PIECE):
            span = Span(start, min(start + _LONGEST_PIECE, word.end))
            yield Piece(span, index, alone(text[span.start : span.end]))
