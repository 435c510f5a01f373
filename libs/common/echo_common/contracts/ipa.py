"""The form of pronunciations in IPA that users write."""

import re
from typing import Final

LONGEST_IPA: Final = 200
"""Maximum length of a pronunciation in characters."""

_IPA: Final = re.compile(r"[^\d\s<>\[\]{}/\\]+(?: [^\d\s<>\[\]{}/\\]+)*")


def is_ipa(text: str) -> bool:
    """Return whether a text is a valid pronunciation: letters and marks, single spaces, at most 200 characters."""
    return len(text) <= LONGEST_IPA and bool(_IPA.fullmatch(text)) and any(map(str.isalpha, text))
