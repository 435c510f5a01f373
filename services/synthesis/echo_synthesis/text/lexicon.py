"""A user's own pronunciations, found in a text."""

# ruff: noqa: D102, RUF001  (what the properties are, the class tells)
import re
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from echo_synthesis.text.reading import Piece, Reading

Entry = TypeVar("Entry", bound="Pronunciation")
_WORD = re.compile(r"\w+")


class Pronunciation(Protocol):
    """How a term is said: written otherwise, or in IPA, at least one of them. IPA goes first where the engine takes it."""

    @property
    def term(self) -> str: ...
    @property
    def respelling(self) -> str | None: ...
    @property
    def ipa(self) -> str | None: ...
    @property
    def case_sensitive(self) -> bool: ...


class Lexicon:
    """Finds terms as whole words; the longer term goes first, among equals what stands earlier."""

    def __init__(self, pronunciations: Sequence[Pronunciation], *, phonemes: bool) -> None:
        self._phonemes = phonemes
        self._by_word: dict[str, list[tuple[int, re.Pattern[str], Pronunciation]]] = {}
        for each in sorted(pronunciations, key=lambda each: -len(each.term)):
            word = _WORD.search(each.term)
            if word is not None:
                pattern = re.compile(_pattern(each.term), 0 if each.case_sensitive else re.IGNORECASE)
                self._by_word.setdefault(word[0].casefold(), []).append((word.start(), pattern, each))

    def find(self, text: str) -> Iterator[tuple[re.Match[str], Pronunciation]]:
        """Where the terms stand, in order, not overlapping."""
        end = 0
        for word in _WORD.finditer(text):
            for lead, pattern, pronunciation in self._by_word.get(word[0].casefold(), ()):
                start = word.start() - lead
                if start >= end and (found := pattern.match(text, start)):
                    yield found, pronunciation
                    end = found.end()
                    break

    def read(self, text: str) -> Iterator[Reading]:
        """The terms' readings. A term that has IPA only has none without `phonemes`; see `unspeakable`."""
        for found, each in self.find(text):
            owned = found["owned"] or ""
            if each.ipa and self._phonemes:
                yield Reading(
                    *found.span(), (Piece(found.start(), found[0], each.ipa + (_possessive(each.ipa) if owned else "")),)
                )
            elif each.respelling:
                yield Reading(*found.span(), (Piece(found.start(), each.respelling + owned),))

    def unspeakable(self, text: str) -> str | None:
        """A term in the text that is only known in IPA, which the engine does not take."""
        if self._phonemes:
            return None
        return next((each.term for _, each in self.find(text) if not each.respelling), None)


def relevant(pronunciations: Sequence[Entry], text: str) -> list[Entry]:
    """Those whose words are all in the text, in the same order."""
    if not pronunciations:
        return []
    words = {word.casefold() for word in _WORD.findall(text)}
    return [each for each in pronunciations if words.issuperset(word.casefold() for word in _WORD.findall(each.term))]


def _pattern(term: str) -> str:
    words = r"\s+".join(map(re.escape, term.split()))
    before = r"(?<!\w)(?<!\w\.)" if term[0].isalnum() else ""
    after = r"(?!\w|\.\w)" if term[-1].isalnum() else ""
    return rf"{before}{words}(?P<owned>['\N{{RIGHT SINGLE QUOTATION MARK}}]s(?!\w))?{after}"


def _possessive(ipa: str) -> str:
    if ipa[-1] in "szʃʒ":
        return "ɪz"
    return "s" if ipa[-1] in "ptkfθ" else "z"
