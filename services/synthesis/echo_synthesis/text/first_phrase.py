"""The first phrase of a long sentence, which is spoken alone so that the audio starts sooner."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from echo_synthesis.engine import Span
from echo_synthesis.text.lexicon import Pronunciation
from echo_synthesis.text.script import Segment, WrittenWord

_LONG: Final = 9
"""Words of a sentence from which on its first phrase is spoken alone."""
_SHORTEST, _LONGEST = 3, 8
_CLAUSE: Final = re.compile(r"[,;:—–―)\]、，；：]|--|-")
_MARKS: Final = re.compile(r"[^\w\s]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "en": _words(
            "and or but because so although though while whereas unless until since if when where that which who the a an "
            "of to in on at by for from with without into onto over under about after before between through during "
            "against among as"
        ),
        "de": _words(
            "und oder aber denn sondern weil obwohl während wenn als dass damit bevor nachdem bis sobald falls der die "
            "das den dem des ein eine einen einem einer in im an am auf bei mit nach von vom zu zum zur für über unter "
            "durch gegen ohne um aus"
        ),
        "fr": _words(
            "et ou mais car donc parce puisque quoique lorsque quand si que qui dont où pendant le la les un une des de "
            "du à au aux en dans sur sous par pour avec sans chez entre vers"
        ),
        "es": _words(
            "y e o u pero porque aunque mientras cuando si que quien donde pues el la los las un una unos unas de del a "
            "al en con sin por para sobre entre hasta desde"
        ),
        "it": _words(
            "e ed o ma perché anche mentre quando se che chi dove quindi il lo la i gli le un uno una di del della a al "
            "alla da dal in nel con su per tra fra"
        ),
        "pt": _words(
            "e ou mas porque embora enquanto quando se que quem onde pois o a os as um uma uns umas de do da dos das em "
            "no na nos nas com sem por para sobre entre até"
        ),
    }
)
"""Conjunctions, prepositions and articles, which begin a phrase."""


def split_first_phrase(
    segment: Segment, language: str, pronunciations: Sequence[Pronunciation] = ()
) -> tuple[Segment, Segment] | None:
    """Split a segment after the first phrase of a long sentence; None if it is short, or has no suitable place.

    The phrase has at least three words and ends with the first clause, or else before the next function word; never within a
    number, an abbreviation, a name of several capitalised words, or a term of `pronunciations`.
    """
    if len(segment.words) < _LONG:
        return None
    terms = list(_find_terms(segment.words, pronunciations))
    places = [
        place
        for place in range(_SHORTEST - 1, min(_LONGEST, len(segment.words) - 2))
        if _is_separable(segment.words[place], segment.words[place + 1])
        and not any(first <= place < last for first, last in terms)
    ]
    code = language.split("-")[0].lower()
    function_words = _FUNCTION_WORDS.get(code, frozenset())

    def begins(place: int) -> bool:
        """Return whether a phrase begins after this place: with a function word that follows another word."""
        word, following = (segment.words[each].text.casefold() for each in (place, place + 1))
        return following in function_words and word not in function_words

    candidates = (
        *(place for place in places if _ends_clause(segment.words, place)),
        *(place for place in places if begins(place)),
    )
    return _split(segment, candidates[0]) if candidates else None


def _find_terms(words: Sequence[WrittenWord], pronunciations: Sequence[Pronunciation]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last word of each term of several words."""
    written = [word.text.casefold() for word in words]
    for each in pronunciations:
        term = each.term.casefold().split()
        for first in range(len(written) - len(term) + 1 if len(term) > 1 else 0):
            if all(part in word for part, word in zip(term, written[first:], strict=False)):
                yield first, first + len(term) - 1


def _is_separable(word: WrittenWord, following: WrittenWord) -> bool:
    if word.first == word.stop or following.first == following.stop or word.stop != following.first:
        return False  # one of them is not spoken, or both are spoken as one
    marked = bool(word.after or following.before)
    if any(map(str.isdigit, following.text)) or (any(map(str.isdigit, word.text)) and not marked):
        return False
    if word.after.startswith("."):
        return False
    return marked or not (word.text[0].isupper() and following.text[0].isupper())


def _ends_clause(words: Sequence[WrittenWord], place: int) -> bool:
    return bool(_CLAUSE.search(words[place].after) or _CLAUSE.search(words[place + 1].before))


def _split(segment: Segment, place: int) -> tuple[Segment, Segment]:
    count = segment.words[place].stop
    end = segment.spoken[count - 1].end
    marks = _MARKS.match(segment.text, end)
    end = marks.end() if marks else end
    begun = end + len(segment.text[end:]) - len(segment.text[end:].lstrip())
    phrase = segment.text[:end]
    if phrase[-1].isalnum():
        phrase += ","  # spoken with the melody of a sentence that goes on
    first = replace(
        segment,
        text=phrase,
        spoken=segment.spoken[:count],
        words=segment.words[: place + 1],
        pronunciations=segment.pronunciations[:count],
        joint="end",
    )
    rest = replace(
        segment,
        text=segment.text[begun:],
        spoken=tuple(Span(span.start - begun, span.end - begun) for span in segment.spoken[count:]),
        words=tuple(replace(word, first=word.first - count, stop=word.stop - count) for word in segment.words[place + 1 :]),
        pronunciations=segment.pronunciations[count:],
        title="",
        joint="start",
    )
    return first, rest
