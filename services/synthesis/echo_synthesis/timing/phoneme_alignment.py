"""Alignment of phonemes with written words, and the word times that follow from it."""

# ruff: noqa: RUF001

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engine import WordTime
from echo_synthesis.text.phrases import Piece

NO_WORD = -1
"""Index in place of a word's for punctuation and the spaces between words."""

_MARKS = frozenset("ˈˌːˑ̩̯̃͡ʲʰ˞‍")
_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɚɛɜɝɞɨɪɯɵɶʉʊʌʏɤᵻAIOWYQ")
_MARK, _SPACE, _LETTER = 0.2, 0.4, 0.8
_NEVER = 1e6


def owners(spoken: str, words: Sequence[str]) -> list[int]:
    """Return the index of the word that each character of `spoken` belongs to.

    `spoken` is a sentence in phonemes; `words` are the same words pronounced separately. In a sentence, words are reduced and
    run together ("in the" is a single word to espeak), and some become several words ("1984"). Both are therefore aligned as a
    whole, character by character, at minimum cost (Needleman and Wunsch, 1970).
    """
    alone = " ".join(words)
    owner_alone = [index for index, word in enumerate(words) for _ in range(len(word) + 1)][: len(alone)]
    if not owner_alone:
        return [0] * len(spoken)
    steps = _steps(spoken, alone)
    row, column = len(spoken), len(alone)
    result = [0] * len(spoken)
    while row > 0:
        step = steps[row, column] if column else 1
        if step == 2:
            column -= 1
            continue
        row -= 1
        column -= step == 0
        # an extra sound belongs to the preceding word
        result[row] = owner_alone[min(max(column - (step == 1), 0), len(alone) - 1)]
    return result


def find_words_of(spoken: str, pieces: Sequence[Piece]) -> list[int]:
    """Return the index of the word that each character of `spoken` belongs to, and `NO_WORD` for a space between two words."""
    if not spoken:
        return []
    words = [pieces[owner].word for owner in owners(spoken, [piece.sounds for piece in pieces])]
    return [
        NO_WORD if symbol == " " and words[max(0, index - 1)] != words[min(index + 1, len(words) - 1)] else words[index]
        for index, symbol in enumerate(spoken)
    ]


def place_words(sounds: Iterable[tuple[int, float, float]], count: int) -> tuple[WordTime, ...]:
    """Return the times of `count` words, given their sounds in order as (word, start, end) in seconds.

    A word without sounds has no duration and follows the preceding word.
    """
    times: dict[int, WordTime] = {}
    for word, start, end in sounds:
        times[word] = WordTime(times[word].start if word in times else start, end)
    placed: list[WordTime] = []
    latest = 0.0
    for word in range(count):
        time = times.get(word, WordTime(latest, latest))
        placed.append(time)
        latest = max(latest, time.end)
    return tuple(placed)


def _steps(spoken: str, alone: str) -> NDArray[np.int8]:
    """Return the last step of the best alignment for each pair of prefixes: 0 both, 1 only `spoken`, 2 only `alone`."""
    substitution = _substitution(spoken, alone)
    skip_spoken = np.array([_skip(character) for character in spoken])
    skip_alone = np.concatenate([[0.0], np.cumsum([_skip(character) for character in alone])])
    cost = skip_alone.copy()
    steps = np.full((len(spoken) + 1, len(alone) + 1), 2, np.int8)
    steps[:, 0] = 1
    for row in range(1, len(spoken) + 1):
        together = np.concatenate([[_NEVER], cost[:-1] + substitution[row - 1]])
        only_spoken = cost + skip_spoken[row - 1]
        best = np.minimum(together, only_spoken)
        # skip any number of characters of `alone`, from the best position
        along = skip_alone + np.minimum.accumulate(best - skip_alone)
        steps[row] = np.where(along < best - 1e-9, 2, np.where(together <= only_spoken, 0, 1))
        cost = np.minimum(along, best)
    return steps


def _skip(character: str) -> float:
    return _MARK if character in _MARKS else _SPACE if character == " " else _LETTER


def _substitution(spoken: str, alone: str) -> NDArray[np.float64]:
    kinds_spoken, kinds_alone = (np.array([_kind(character) for character in text]) for text in (spoken, alone))
    characters_spoken, characters_alone = (np.array([ord(character) for character in text]) for text in (spoken, alone))
    same_kind = kinds_spoken[:, None] == kinds_alone[None, :]
    letters = (kinds_spoken[:, None] >= 2) & (kinds_alone[None, :] >= 2)
    cost = np.where(same_kind, 0.5, np.where(letters, 1.2, _NEVER))
    return np.where(characters_spoken[:, None] == characters_alone[None, :], 0.0, cost)


def _kind(character: str) -> int:
    return 0 if character == " " else 1 if character in _MARKS else 2 if character in _VOWELS else 3
