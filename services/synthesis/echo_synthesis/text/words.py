"""Positions of the written words of a text."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
import unicodedata
from collections.abc import Iterator

from echo_synthesis.engine import Span

# These characters separate words, except a comma or colon between two digits. A hyphen, apostrophe, dot or slash does not.
_BREAKS = r"\s—–―…()\[\]{}<>«»“”„‟\"|¡¿,;:!?。！？、，；：\u200b"
URL = r"(?<![\w@])(?i:(?:https?|ftp)://|www\.)[^\s<>\"“”|\\^`{}\0]{1,200}(?<![.,;:!?)'\]…’*_])"
"""Pattern of a URL, which is a single word."""
_CHUNK = re.compile(rf"(?P<url>{URL})|[^{_BREAKS}]+(?:(?<=\d)[,:](?=\d)[^{_BREAKS}]+)*")
_PICTURE = (
    r"(?:[0-9#*]\ufe0f?\u20e3|"
    r"[\u231a\u231b\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\U0001f000-\U0001faff]"
    r"[\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]*)"
)
PICTURES = rf"{_PICTURE}(?:\u200d?{_PICTURE})*"
"""Pattern of a run of emoji, which is a single word."""
_RUN = re.compile(rf"\.{{2,}}|-{{2,}}|(?P<pictures>{PICTURES})")
_SPOKEN_SIGNS = frozenset("%#@&+=°$€£¥₹§©®™×÷")
_LEADING_SIGNS = frozenset("-−.")


def find_words(text: str, longest: int) -> Iterator[Span]:
    """Yield the written words in order, without the punctuation around them; linear in the text's length.

    Contractions, hyphenated words and URLs are single words, as are adjacent emoji. A run longer than `longest` characters is
    split into words of that length.
    """
    for chunk in _CHUNK.finditer(text):
        start = chunk.start()
        if chunk["url"]:
            yield from _cut(start, chunk.end(), longest)
            continue
        for run in _RUN.finditer(text, chunk.start(), chunk.end()):
            yield from _trimmed(text, start, run.start(), longest)
            start = run.end()
            if run["pictures"]:
                yield from _cut(run.start(), start, longest)
        yield from _trimmed(text, start, chunk.end(), longest)


def _trimmed(text: str, first: int, end: int, longest: int) -> Iterator[Span]:
    start = first
    while start < end and not _belongs(text[start]):
        start += 1
    while start < end and not _belongs(text[end - 1]):
        end -= 1
    if first < start < end and text[start].isdigit() and text[start - 1] in _LEADING_SIGNS:
        start -= 1
    yield from _cut(start, end, longest)


def _cut(start: int, end: int, longest: int) -> Iterator[Span]:
    for cut in range(start, end, longest):
        yield Span(cut, min(cut + longest, end))


def _belongs(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" or character in _SPOKEN_SIGNS
