"""Conversion of a segment into the model's phonemes, each with the index of its word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echo_synthesis.engine import Span
from echo_synthesis.engines.kokoro.alphabet import TOKENS
from echo_synthesis.text.espeak import Espeak
from echo_synthesis.text.ipa import split_composed
from echo_synthesis.text.phrases import phrases
from echo_synthesis.text.split import is_abbreviation
from echo_synthesis.timing.phoneme_alignment import NO_WORD, find_words_of

# ruff: noqa: RUF001
_MARKS = frozenset(';:,.!?—…"()“”')
_SAME = {
    "–": "—",
    "―": "—",
    "«": "“",
    "»": "”",
    "„": "“",
    "‟": "“",
    "[": "(",
    "]": ")",
    "。": ".",
    "、": ",",
    "，": ",",
    "！": "!",
    "？": "?",
    "：": ":",
    "；": ";",
}


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme or punctuation mark in the model's alphabet, and the index of its word; a space in a word is part of it."""

    symbol: str
    word: int = NO_WORD


def pronounce(
    text: str, words: Sequence[Span], language: str, espeak: Espeak, given: Sequence[str | None] = ()
) -> list[Phoneme]:
    """Return the phonemes of `text`. Words between two punctuation marks are pronounced together, as in natural speech.

    `given` is empty, or has for each word its IPA or None.
    """
    if not words:
        return []
    phonemes = list(_marks(text[: words[0].start]))
    first = 0
    for index, word in enumerate(words):
        last = index + 1 == len(words)
        gap = list(_marks(text[word.end : len(text) if last else words[index + 1].start]))
        pause = any(mark.symbol != " " for mark in gap) and not is_abbreviation(text, words, index)
        if last or pause or any(given[index : index + 2]):
            if given and (ipa := given[first]):
                phonemes += [Phoneme(symbol, first) for symbol in split_composed(ipa, TOKENS)]
            else:
                phonemes += _phrase(text, words[first : index + 1], first, language, espeak)
            phonemes += gap
            first = index + 1
    return [phoneme for phoneme in phonemes if phoneme.symbol in TOKENS]


def _phrase(text: str, words: Sequence[Span], first: int, language: str, espeak: Espeak) -> Iterator[Phoneme]:
    before = NO_WORD
    for number, phrase in enumerate(phrases(text, words, lambda word: espeak.word(word, language), first)):
        if number:  # long words are pronounced in parts
            yield Phoneme(" ", before if phrase[0].word == before else NO_WORD)
        before = phrase[-1].word
        spoken = espeak.phonemes(text[phrase[0].span.start : phrase[-1].span.end], language)
        for symbol, word in zip(spoken, find_words_of(spoken, phrase), strict=True):
            yield Phoneme(symbol, word)


def _marks(gap: str) -> Iterator[Phoneme]:
    """Yield the punctuation between two words that the model supports."""
    known = gap.replace("...", "…").replace("--", "—").replace(" - ", " — ")
    space = False
    for character in known:
        symbol = _SAME.get(character, character)
        if symbol in _MARKS:
            yield from [Phoneme(" ")] if space else []
            yield Phoneme(symbol)
            space = False
        else:
            space = space or character.isspace()
    if space:
        yield Phoneme(" ")
