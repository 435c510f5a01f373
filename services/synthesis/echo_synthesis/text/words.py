"""Where the written words of a text are."""

# ruff: noqa: RUF001  (the typographic marks are the subject)
import re
import unicodedata
from collections.abc import Iterator

from echo_synthesis.engine import Span

# These hold no word together, save a comma or colon between two digits. A hyphen, apostrophe, dot or slash does.
_BREAKS = r"\s—–―…()\[\]{}<>«»“”„‟\"|¡¿,;:!?。！？、，；：\u200b"
_CHUNK = re.compile(rf"[^{_BREAKS}]+(?:(?<=\d)[,:](?=\d)[^{_BREAKS}]+)*")
_RUN = re.compile(r"\.{2,}|-{2,}")
_SPOKEN_SIGNS = frozenset("%#@&+=°$€£¥₹§©®™×÷")
_LEADING_SIGNS = frozenset("-−.")


def find_words(text: str, longest: int) -> Iterator[Span]:
    """The words as they are written, without the punctuation around them, in order; linear in the text's length.

    Contractions and hyphenated words are one word. A run longer than `longest` characters is cut into words that long.
    """
    for chunk in _CHUNK.finditer(text):
        start = chunk.start()
        for run in _RUN.finditer(text, chunk.start(), chunk.end()):
            yield from _trimmed(text, start, run.start(), longest)
            start = run.end()
        yield from _trimmed(text, start, chunk.end(), longest)


def _trimmed(text: str, first: int, end: int, longest: int) -> Iterator[Span]:
    start = first
    while start < end and not _belongs(text[start]):
        start += 1
    while start < end and not _belongs(text[end - 1]):
        end -= 1
    if first < start < end and text[start].isdigit() and text[start - 1] in _LEADING_SIGNS:
        start -= 1
    for cut in range(start, end, longest):
        yield Span(cut, min(cut + longest, end))


def _belongs(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" or character in _SPOKEN_SIGNS
