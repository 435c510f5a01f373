"""Captions from word times.

The usual rules of subtitling apply: at most two lines of 42 characters, at most seven seconds, no caption across the end of a
sentence.
"""

# ruff: noqa: D102, RUF001  (the class describes the properties)
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from echo_common.captions import Cue

LINE, LINES, SECONDS = 42, 2, 7.0
_CLAUSE = frozenset(",;:)—–")


class Sounding(Protocol):
    """A written word with its start and end in seconds, the punctuation around it, and a flag for the end of a sentence."""

    @property
    def word(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...
    @property
    def ends(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    start: float
    end: float
    ends: bool


def cues(words: Iterable[Sounding]) -> Iterator[Cue]:
    """Yield captions for words in order, in constant memory."""
    held: list[_Shown] = []
    for word in words:
        for shown in _pieces(word):
            while held and not _fits([*held, shown]):
                cut = _cut(held)
                yield _cue(held[:cut])
                held = held[cut:]
            held.append(shown)
        if word.ends:
            yield _cue(held)
            held = []
    if held:
        yield _cue(held)


def _pieces(word: Sounding) -> Iterator[_Shown]:
    """Yield a word with its punctuation; a word too long for a line is split."""
    text = " ".join(f"{word.before}{word.word}{word.after}".split())
    length = len(text)
    for at in range(0, length, LINE):
        part = text[at : at + LINE]
        share = (word.end - word.start) / length
        end = word.end if at + len(part) == length else word.start + share * (at + len(part))
        yield _Shown(part, word.start + share * at, end, word.ends)


def _fits(words: Sequence[_Shown]) -> bool:
    return words[-1].end - words[0].start <= SECONDS and len(_wrapped(words)) <= LINES


def _cut(words: Sequence[_Shown]) -> int:
    """Return the number of words that a full cue keeps: up to the last clause in its second half, else all."""
    for count in range(len(words) - 1, len(words) // 2, -1):
        if words[count - 1].text[-1] in _CLAUSE:
            return count
    return len(words)


def _wrapped(words: Sequence[_Shown]) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word.text}".strip()
        if len(longer) <= LINE:
            lines[-1] = longer
        else:
            lines.append(word.text)
    return lines


def _cue(words: Sequence[_Shown]) -> Cue:
    start, end = words[0].start, max(word.end for word in words)
    return Cue(start, min(end, start + SECONDS), tuple(_wrapped(words)))
