"""Sentences of a text that is still being written."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, Protocol

from echo_synthesis.engine import Span
from echo_synthesis.text import split
from echo_synthesis.text.markdown import FENCE, HEADING
from echo_synthesis.text.words import find_words

_CONTEXT: Final = 600
"""Characters before a possible end of a sentence that decide about it."""
_WORD_CONTEXT: Final = 60
"""Those of them that tell the words before it."""
_LOOKAHEAD: Final = split.WIDEST_GAP + 20
"""Characters after it that decide about it; without a word among them, the sentence has ended."""
_LONGEST_WORD: Final = 1_000
_LONGEST_FENCE: Final = 300

_CANDIDATE: Final = re.compile(r"(?P<stops>[.!?…।۔؟。！？]+)|[\n\f\v\u2028\u2029]")
_NEXT_BLOCK: Final = re.compile(r"[^\S\n]{0,100}(?:\n|(?:[-*•‣▪]|\d{1,3}[.)])\s)")
_NEXT_BLOCK_BEGUN: Final = re.compile(r"[^\S\n]*(?:[-*•‣▪]|\d{1,3}[.)]?)?")
_FOLLOWING_WORDS: Final = re.compile(r"\S{1,200}\s{1,100}\S{1,200}\s|\S{1,200}[^\S\n]{0,100}\n")
_OPEN_MARKUP: Final = re.compile(
    r"(?:\[(?:(?!\n\s*\n)[^\[\]]){0,500}|\]\([^()\s]{0,500}|</?[A-Za-z][^<>]{0,500}|<!--(?:(?!-->).){0,600})\Z", re.DOTALL
)
_OPEN_COMMENT: Final = re.compile(r"<!--(?:(?!-->).){0,600}\Z", re.DOTALL)


class Joins(Protocol):
    """A test of words that are spoken together. `any_word` is true if it applies to other words than abbreviations and numbers."""

    any_word: bool

    def __call__(self, text: str, end: int, start: int) -> bool:
        """Return whether the word that ends at `end` and the word that starts at `start` are spoken as one."""


class NoJoins(Joins):
    """No words are spoken together."""

    any_word = False

    def __call__(self, text: str, end: int, start: int) -> bool:
        """Return False."""
        return False


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it was written, and its offset in the whole text. `within_line` is true if it does not begin a line."""

    text: str
    start: int
    within_line: bool


@dataclass(frozen=True, slots=True)
class _Cut:
    """The end of a sentence: an offset in the tail."""

    at: int


_Decision = _Cut | Literal["no", "undecided"]


class GrowingText:
    """A text in parts of any size, of which `add` returns the sentences as soon as they are complete.

    A sentence is complete when the next characters show it. The rules are those of whole texts (`split`). Each decision depends on
    a bounded number of characters around it and never on the parts, so the sentences of a text are the same whatever its parts.
    Blocks of code, and the lines of tables, are not separated. Linear in the text's length.

    Args:
        markup: Whether the text may contain Markdown.
        joins: Tells which words are spoken together and therefore belong to one sentence.
    """

    def __init__(self, joins: Joins | None = None, *, markup: bool = True) -> None:
        self._joins = joins or NoJoins()
        self._markup = markup
        self._parts: list[str] = []
        self._start = 0
        self._within_line = False
        self._tail = ""
        self._tail_start = 0
        self._scanned = 0
        self._line_start = 0
        self._fence = ""

    @property
    def length(self) -> int:
        """Number of characters so far."""
        return self._tail_start + len(self._tail)

    def add(self, text: str) -> list[Sentence]:
        """Add a part of the text and return the sentences that are complete."""
        self._parts.append(text)
        self._tail += text
        return list(self._cut_sentences())

    def flush(self) -> Sentence | None:
        """Return the rest as if the text ended here; None if there is nothing."""
        rest = self._take(self.length)
        self._scanned = len(self._tail)
        self._line_start = self.length
        self._within_line = False
        return rest if rest.text.strip() else None

    def _cut_sentences(self) -> Iterator[Sentence]:
        while candidate := _CANDIDATE.search(self._tail, self._scanned):
            decision = self._decide(candidate)
            if decision == "undecided":
                self._scanned = candidate.start()
                break
            self._scanned = candidate.end()
            if not candidate["stops"]:
                self._end_line(candidate.start())
            if isinstance(decision, _Cut):
                self._scanned = max(self._scanned, decision.at)
                yield self._take(self._tail_start + decision.at)
                self._within_line = self._tail[decision.at - 1] != "\n"
                if not self._within_line:
                    self._line_start = self._tail_start + decision.at
        else:
            self._scanned = len(self._tail)
        kept = max(0, self._scanned - _CONTEXT)
        self._tail, self._tail_start, self._scanned = self._tail[kept:], self._tail_start + kept, self._scanned - kept

    def _take(self, end: int) -> Sentence:
        """Remove the sentence up to an offset in the whole text and return it."""
        text = "".join(self._parts)
        size = end - self._start
        sentence = Sentence(text[:size], self._start, self._within_line)
        self._parts = [text[size:]]
        self._start = end
        return sentence

    def _decide(self, candidate: re.Match[str]) -> _Decision:
        return self._decide_stop(candidate) if candidate["stops"] else self._decide_line(candidate.start())

    def _decide_line(self, at: int) -> _Decision:
        """Decide whether a sentence ends with the line that ends at `at`."""
        before = self._before(at)
        fence = self._fence_after(at)
        if fence or not before.strip() or (self._markup and _OPEN_COMMENT.search(before)):
            return "no"
        line = self._tail[max(self._line_start - self._tail_start, at - _LONGEST_FENCE, 0) : at]
        if self._tail[at] != "\n" or self._fence or (self._markup and self._opens_line(at) and HEADING.match(line)):
            return _Cut(at + 1)
        if following := _NEXT_BLOCK.match(self._tail, at + 1):
            return _Cut(following.end() if not following[0].strip() else at + 1)
        after = self._tail[at + 1 : at + _LOOKAHEAD]
        if len(after) < _LOOKAHEAD - 1 and _NEXT_BLOCK_BEGUN.fullmatch(after):
            return "undecided"
        return "no"

    def _decide_stop(self, candidate: re.Match[str]) -> _Decision:
        """Decide whether a sentence ends with these stops."""
        first, last = candidate.span()
        if self._fence or (self._markup and "|" in self._line_before(first)):
            return "no"
        base = max(0, first - _WORD_CONTEXT)
        window = self._tail[base : first + _LOOKAHEAD]
        whole = len(window) == first - base + _LOOKAHEAD
        found = _find_neighbours(window, first - base)
        if found is None:
            return "no"
        words, index = found
        word = words[index]
        if base + word.start < self._start - self._tail_start:
            return "no"
        if index + 1 == len(words):
            return _Cut(last) if whole else "undecided"
        risky = self._joins.any_word or (candidate[0] == "." and split.needs_following_words(window[word.start : word.end]))
        if risky:
            following = _FOLLOWING_WORDS.match(window, words[index + 1].start)
            if following is None and not whole:
                return "undecided"
            window = window[: following.end()] if following else window
            words = [*words[: index + 1], *islice(find_words(window, _LONGEST_WORD), index + 1, index + 2)]
        if split.break_after(window, words, index) is not split.Break.SENTENCE:
            return "no"
        if self._markup and _OPEN_MARKUP.search(self._before(first)):
            return "no"
        if risky and self._joins(window, word.end, words[index + 1].start):
            return "no"
        return _Cut(max(last, base + split.trail(window, word.end, words[index + 1].start)))

    def _before(self, at: int) -> str:
        """Return the text of the current sentence before an offset in the tail, as far as it decides."""
        return self._tail[max(self._start - self._tail_start, at - _CONTEXT, 0) : at]

    def _opens_line(self, at: int) -> bool:
        """Return whether the line before `at` begins in the current sentence and is short enough to be examined."""
        begun = self._line_start - self._tail_start
        return (
            at - begun <= _LONGEST_FENCE
            and self._line_start >= self._start
            and not (self._within_line and self._line_start == self._start)
        )

    def _line_before(self, at: int) -> str:
        return self._tail[max(self._line_start - self._tail_start, at - _CONTEXT, 0) : at]

    def _fence_after(self, at: int) -> str:
        """Return the mark of the block of code that is open after the line that ends at `at`; empty without one."""
        begun = self._line_start - self._tail_start
        if not self._markup or at - begun > _LONGEST_FENCE:
            return self._fence
        line = self._tail[begun:at]
        mark = FENCE.match(line)
        if mark is None:
            return self._fence
        if not self._fence:
            return mark["mark"]
        closes = mark["mark"].startswith(self._fence) and not line[mark.end("mark") :].strip()
        return "" if closes else self._fence

    def _end_line(self, at: int) -> None:
        self._fence = self._fence_after(at)
        self._line_start = self._tail_start + at + 1


def _find_neighbours(window: str, stop: int) -> tuple[list[Span], int] | None:
    """Return the words up to the one after a stop, and the index of the one before it.

    None if there is none before it, or if a word contains it.
    """
    words: list[Span] = []
    index = -1
    for word in find_words(window, _LONGEST_WORD):
        words.append(word)
        if word.start > stop:
            break
        if word.end > stop:
            return None
        index = len(words) - 1
    return None if index < 0 else (words, index)
