"""Comparison of recognised words with a text; it needs the extra `aligner`."""

import re
from collections.abc import Sequence

from echo_synthesis.text.say_as import verbalize_short_text

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'\u2019")


def count_word_errors(text: str, transcript: str, language: str, *, free: int = 0) -> tuple[int, int]:
    """Return the number of words of a spoken text, and of those that are missing, added or different in a transcript.

    The transcript is verbalised like a text, because recognisers write numbers as figures. `free` is the number of words that
    may differ, because their pronunciation is prescribed.
    """
    from rapidfuzz.distance import Levenshtein

    expected, heard = normalize(text), normalize(verbalize_short_text(transcript, language))
    if "".join(expected) == "".join(heard):  # "some one" and "someone"
        return len(expected), 0
    return len(expected), max(0, Levenshtein.distance(expected, heard) - free)


def normalize(text: str) -> Sequence[str]:
    """Return the words of a text without case and punctuation."""
    return _WORD.findall(text.translate(_APOSTROPHES).casefold())
