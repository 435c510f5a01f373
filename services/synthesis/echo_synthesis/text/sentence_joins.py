"""Words around a stop that are spoken together, so that no sentence ends between them."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from collections.abc import Iterable
from typing import Final

from echo_synthesis.text.lexicon import Lexicon, Pronunciation
from echo_synthesis.text.normalization import rules_for
from echo_synthesis.text.verbalization import Rules, verbalize

_STOP_WITHIN: Final = re.compile(r"[.!?…।۔؟。！？]\s+\S")


class SentenceJoins:
    """Test whether a number, a date or a term of the user's lexicon continues after a stop."""

    def __init__(self, language: str, pronunciations: Iterable[Pronunciation] = (), *, normalize: bool = True) -> None:
        self._rules = rules_for(language) if normalize else Rules()
        terms = [each for each in pronunciations if _STOP_WITHIN.search(each.term)]
        self._lexicon = Lexicon(terms, phonemes=True) if terms else None
        self.any_word = bool(terms)

    def __call__(self, text: str, end: int, start: int) -> bool:
        """Return whether the word that ends at `end` and the word that starts at `start` are spoken as one."""
        found = [*verbalize(text, self._rules)] if self._rules else []
        if self._lexicon is not None:
            found += self._lexicon.verbalize(text)
        return any(each.start < end and each.end > start for each in found)
