"""A user's own pronunciations, found in a text."""

# ruff: noqa: D102, RUF001  (what the properties are, the class tells)
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
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


@dataclass(slots=True)
class _Term:
    """A pronunciation's place among the others, and how many characters stand before its first word."""

    rank: int
    lead: int
    pronunciation: Pronunciation
    _pattern: re.Pattern[str] | None = None

    def match(self, text: str, start: int) -> re.Match[str] | None:
        """Find the term at a place. Most terms of a dictionary are never looked for."""
        if self._pattern is None:
            term = self.pronunciation.term
            self._pattern = re.compile(pattern_of(term), 0 if self.pronunciation.case_sensitive else re.IGNORECASE)
        return self._pattern.match(text, start)


@dataclass(slots=True)
class _Node:
    """The terms whose words lead here, and the words that lead on."""

    terms: list[_Term] = field(default_factory=list)
    following: dict[str, "_Node"] = field(default_factory=dict)


class Lexicon:
    """Finds terms as whole words; the longer term goes first, among equals what stands earlier."""

    def __init__(self, pronunciations: Sequence[Pronunciation], *, phonemes: bool) -> None:
        self._phonemes = phonemes
        self._root = _Node()
        for rank, each in enumerate(sorted(pronunciations, key=lambda each: -len(each.term))):
            words = list(_WORD.finditer(each.term))
            if not words:
                continue
            node = self._root
            for word in words:
                node = node.following.setdefault(word[0].casefold(), _Node())
            node.terms.append(_Term(rank, words[0].start(), each))

    def find(self, text: str) -> Iterator[tuple[re.Match[str], Pronunciation]]:
        """Where the terms stand, in order, not overlapping."""
        words = list(_WORD.finditer(text))
        folded = [word[0].casefold() for word in words]
        end = 0
        for index, word in enumerate(words):
            for term in self._beginning_with(folded, index):
                start = word.start() - term.lead
                if start >= end and (found := term.match(text, start)):
                    yield found, term.pronunciation
                    end = found.end()
                    break

    def _beginning_with(self, words: Sequence[str], index: int) -> list[_Term]:
        """Return the terms whose words follow from a place on, the longest term first."""
        terms: list[_Term] = []
        node = self._root.following.get(words[index])
        while node is not None:
            terms += node.terms
            index += 1
            node = node.following.get(words[index]) if index < len(words) else None
        return sorted(terms, key=attrgetter("rank"))

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


def pattern_of(term: str) -> str:
    """Return the pattern that finds a term as whole words."""
    words = r"\s+".join(map(re.escape, term.split()))
    before = r"(?<!\w)(?<!\w\.)" if term[0].isalnum() else ""
    after = r"(?!\w|\.\w)" if term[-1].isalnum() else ""
    return rf"{before}{words}(?P<owned>['\N{{RIGHT SINGLE QUOTATION MARK}}]s(?!\w))?{after}"


def _possessive(ipa: str) -> str:
    if ipa[-1] in "szʃʒ":
        return "ɪz"
    return "s" if ipa[-1] in "ptkfθ" else "z"
