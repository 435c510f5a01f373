"""Lexicon: a user's pronunciations, found in a text."""

# ruff: noqa: D102, RUF001  (the class describes the properties)
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol, TypeVar

from echo_synthesis.text.verbalization import Piece, Verbalization

Entry = TypeVar("Entry", bound="Pronunciation")
_WORD = re.compile(r"\w+")


class Pronunciation(Protocol):
    """The pronunciation of a term: a respelling, IPA, or both. IPA takes precedence where the engine supports it."""

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
    """A pronunciation with its rank, and the number of characters before its first word."""

    rank: int
    lead: int
    pronunciation: Pronunciation
    _pattern: re.Pattern[str] | None = None

    def match(self, text: str, start: int) -> re.Match[str] | None:
        """Match the term at a position. The pattern is compiled at first use, because most terms are never needed."""
        if self._pattern is None:
            term = self.pronunciation.term
            self._pattern = re.compile(pattern_of(term), 0 if self.pronunciation.case_sensitive else re.IGNORECASE)
        return self._pattern.match(text, start)


@dataclass(slots=True)
class _Node:
    """A node of the trie of words: the terms that end here, and the nodes of the following words."""

    terms: list[_Term] = field(default_factory=list)
    following: dict[str, "_Node"] = field(default_factory=dict)


class Lexicon:
    """A matcher of terms as whole words; at the same position longer terms take precedence, then earlier entries."""

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
        """Yield the matches of the terms in order, not overlapping."""
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
        """Return the terms whose words follow from an index on, the longest term first."""
        terms: list[_Term] = []
        node = self._root.following.get(words[index])
        while node is not None:
            terms += node.terms
            index += 1
            node = node.following.get(words[index]) if index < len(words) else None
        return sorted(terms, key=attrgetter("rank"))

    def verbalize(self, text: str) -> Iterator[Verbalization]:
        """Yield the verbalisations of the terms. A term that has IPA only needs `phonemes`; see `unspeakable`."""
        for found, each in self.find(text):
            owned = found["owned"] or ""
            if each.ipa and self._phonemes:
                yield Verbalization(
                    *found.span(), (Piece(found.start(), found[0], each.ipa + (_possessive(each.ipa) if owned else "")),)
                )
            elif each.respelling:
                yield Verbalization(*found.span(), (Piece(found.start(), each.respelling + owned),))

    def unspeakable(self, text: str) -> str | None:
        """Return a term in the text that has IPA only, where the engine does not support IPA; None if there is none."""
        if self._phonemes:
            return None
        return next((each.term for _, each in self.find(text) if not each.respelling), None)


def relevant(pronunciations: Sequence[Entry], text: str) -> list[Entry]:
    """Return the pronunciations whose words are all in the text, in the same order."""
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
