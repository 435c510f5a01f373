"""Text of a reply: its sentences while it is written, and the part of it that was heard."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from collections.abc import Iterator, Sequence

from echo_common.contracts.http.synthesis import WordTimestamp

_END = re.compile(r"[.!?…]{1,20}[\"'”’»)\]*_]{0,20}(?=\s)|[。！？]+[」』”）]*|\n+")
_ABBREVIATION = re.compile(r"(?:^|[\s(\"“])(?:[A-Z]|\d+|Dr|Mr|Mrs|Ms|Prof|St|vs|z\.\s?B|d\.\s?h|e\.g|i\.e|bzw|ca|Nr|No)\.$")
_LONGEST = 1_000
_FARTHEST = 200
"""Characters after the last heard word within which the next one is looked for; Markdown and links are between them."""


class SentenceCutter:
    """Cuts a text that arrives in parts into sentences."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, part: str) -> Iterator[str]:
        """Add a part; yield the sentences that are complete. One of over 1,000 characters is cut between words."""
        self._rest += part
        start = 0
        for end in list(_END.finditer(self._rest)):
            sentence = self._rest[start : end.end()]
            if _ABBREVIATION.search(sentence):
                continue
            start = end.end()
            if sentence.strip():
                yield sentence.strip()
        self._rest = self._rest[start:]
        while len(self._rest) > _LONGEST:
            cut = self._rest.rfind(" ", 1, _LONGEST) if " " in self._rest[1:_LONGEST] else _LONGEST
            sentence, self._rest = self._rest[:cut], self._rest[cut:]
            yield sentence.strip()

    def end(self) -> Iterator[str]:
        """Yield the rest of the text."""
        rest, self._rest = self._rest.strip(), ""
        if rest:
            yield rest


def cut_heard(text: str, words: Sequence[WordTimestamp], seconds: float) -> str:
    """Return the part of a text that was heard: up to the last word of which at least half was played.

    Args:
        text: The text as it was written.
        words: The words that were spoken, in order, with times relative to the start of the speech. They are looked for in the
            text, because speech leaves out markup.
        seconds: Seconds of the speech that were played.

    Returns:
        The start of the text; empty if no word was heard.
    """
    end = 0
    for word in words:
        if (word.start_time + word.end_time) / 2 > seconds:
            break
        found = text.find(word.word, end, end + _FARTHEST + len(word.word))
        if found >= 0:
            end = found + len(word.word)
    while 0 < end < len(text) and not text[end].isspace() and not text[end].isalnum():
        end += 1
    return text[:end].strip()
