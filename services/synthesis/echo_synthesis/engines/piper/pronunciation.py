"""Conversion of a segment into espeak's phonemes, as in piper-tts's `voice.py`, each with the index of its word."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from piper import espeakbridge
from piper.phonemize_espeak import ESPEAK_DATA_DIR

from echo_synthesis.engine import Span, Utterance
from echo_synthesis.text.ipa import split_decomposed
from echo_synthesis.text.phrases import Piece, phrases
from echo_synthesis.text.split import is_abbreviation
from echo_synthesis.timing.phoneme_alignment import NO_WORD, find_words_of

_LANGUAGE_SWITCH: Final = re.compile(r"\([^()]+\)")
_DIGITS, _TONES = "0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"
_TO_IPA: Final = str.maketrans(_DIGITS, _TONES)
_FROM_IPA: Final = str.maketrans(_TONES, _DIGITS)
_CONTROLS: Final = frozenset("^$_")
"""Symbols of the models that are no sounds: beginning, end, padding."""

PronounceWord = Callable[[str], str]
"""Function that pronounces a single word."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A phoneme or punctuation mark of the model, and the index of its word; a space in a word is part of it."""

    text: str
    word: int = NO_WORD

    @property
    def ipa(self) -> str:
        """The phoneme in IPA: espeak writes tones as digits."""
        return self.text.translate(_TO_IPA)


@dataclass(frozen=True, slots=True)
class _Run:
    """Words that are pronounced at once, or a word with given IPA."""

    pieces: Sequence[Piece]
    ipa: str | None = None


@cache
def initialise_espeak() -> None:
    """Initialise espeak, which is not made for a second initialisation in a process."""
    espeakbridge.initialize(str(ESPEAK_DATA_DIR))


def pronounce_word(word: str) -> str:
    """Return the phonemes of a single word, in the language that espeak is set to."""
    return " ".join(_normalize_phonemes(spoken) for spoken, _, _ in espeakbridge.get_phonemes(word))


def pronounce(utterance: Utterance, alone: PronounceWord) -> Iterator[list[Symbol]]:
    """Yield the phonemes of an utterance, sentence by sentence."""
    sentence: list[Symbol] = []
    for symbols, ends in _find_clauses(utterance, alone):
        sentence += symbols
        if ends:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _find_clauses(utterance: Utterance, alone: PronounceWord) -> Iterator[tuple[list[Symbol], bool]]:
    """Yield the clauses that espeak finds, each with a flag for the end of a sentence."""
    text, words = utterance.text, utterance.words
    runs = list(_split_runs(text, words, utterance.pronunciations, alone))
    starts = [0, *(run.pieces[0].span.start for run in runs[1:]), len(text)]
    for run, following, start, end in zip(runs, [*runs[1:], None], starts, starts[1:], strict=False):
        clauses = [
            (_normalize_phonemes(spoken), mark, ends) for spoken, mark, ends in espeakbridge.get_phonemes(text[start:end])
        ]
        if following is not None and (run.ipa or following.ipa):
            clauses = _continue_sentence(clauses, abbreviated=is_abbreviation(text, words, run.pieces[-1].word))
        if run.ipa:
            mark, ends = clauses[-1][1:] if clauses else ("", False)
            clauses = [("".join(split_decomposed(run.ipa.translate(_FROM_IPA))), mark, ends)]
            owners = [run.pieces[0].word] * len(clauses[0][0])
        else:
            owners = find_words_of(" ".join(spoken for spoken, _, _ in clauses), run.pieces)
        position = 0
        for spoken, mark, ends in clauses:
            symbols = [
                Symbol(symbol, word)
                for symbol, word in zip(spoken, owners[position : position + len(spoken)], strict=True)
                if symbol not in _CONTROLS
            ]
            pause = mark + (" " if mark in {",", ":", ";"} else "")
            yield [*symbols, *map(Symbol, pause)], ends
            position += len(spoken) + 1


def _split_runs(text: str, words: Sequence[Span], given: Sequence[str | None], alone: PronounceWord) -> Iterator[_Run]:
    """Yield the words in runs that are pronounced at once; a word with given IPA is a run."""
    first = 0
    for index, word in enumerate(words):
        if index + 1 == len(words) or any(given[index : index + 2]):
            ipa = given[first] if given else None
            if ipa:
                yield _Run([Piece(word, index, ipa)], ipa)
            else:
                yield from map(_Run, phrases(text, words[first : index + 1], alone, first))
            first = index + 1


def _continue_sentence(clauses: Sequence[tuple[str, str, bool]], *, abbreviated: bool) -> list[tuple[str, str, bool]]:
    """Return clauses without the end of a sentence that espeak sees where its text ends, before or after a given word."""
    *before, (spoken, mark, ends) = clauses or [("", "", False)]
    if before and not spoken and not mark:  # an opening quotation mark
        return before
    return [*before, (spoken, mark, ends) if mark and not abbreviated else (spoken, " ", False)]


def _normalize_phonemes(spoken: str) -> str:
    """Remove espeak's language annotations and separate accents from their letters (NFD)."""
    return unicodedata.normalize("NFD", _LANGUAGE_SWITCH.sub("", spoken))
