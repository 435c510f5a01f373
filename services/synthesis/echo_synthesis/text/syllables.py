"""Syllables of words, and their times.

English is split by its spelling: vowels are nuclei, silent letters are known, and as many consonants as can begin a word go
with the following vowel (the maximal onset principle). Most words get the number of syllables that the CMU dictionary gives
them; see the README.
"""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from echo_synthesis.engine import Phone


@dataclass(frozen=True, slots=True)
class Timed:
    """A time range in seconds, and its text."""

    start: float
    end: float
    text: str = ""


def syllables(word: str, language: str) -> list[str]:
    """Split a word into syllables, whose concatenation is the word. Symbols within it go with the preceding syllable."""
    found: list[str] = []
    for part in _RUN.findall(word):
        if part[0].isalpha():
            found += _of_letters(part, language.split("-")[0].lower())
        elif found:
            found[-1] += part
        else:
            found.append(part)
    if len(found) > 1 and not any(map(str.isalnum, found[0])):
        found[:2] = ["".join(found[:2])]
    return found


def in_time(parts: Sequence[str], word: Timed, phones: Sequence[Phone] = ()) -> list[Timed]:
    """Return the time of each syllable of a word: from its sounds if their number matches, else by its share of the letters."""
    cuts = _cuts(phones)
    if len(cuts) + 1 == len(parts):
        edges = [word.start, *(min(max(cut, word.start), word.end) for cut in cuts), word.end]
    else:
        lengths = [max(1, sum(map(str.isalnum, part))) for part in parts]
        whole = max(1, sum(lengths))
        edges = [word.start + (word.end - word.start) * sum(lengths[:number]) / whole for number in range(len(parts) + 1)]
    return [Timed(start, end, part) for part, start, end in zip(parts, edges, edges[1:], strict=False)]


_RUN = re.compile(
    r"[^\W\d_]+(?:[\u0300-\u036f\u0900-\u0903\u093a-\u094f]+[^\W\d_]*)*(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)*|[\W\d_]+"
)
_KANA = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff々][ぁぃぅぇぉゃゅょっんァィゥェォャュョッンー]*|.")
_DEVANAGARI = re.compile(
    r"[\u0904-\u0914\u0960\u0961][\u0900-\u0903]*"
    r"|[\u0915-\u0939\u0958-\u095f]\u093c?(?:\u094d[\u0915-\u0939\u0958-\u095f]\u093c?)*[\u093e-\u094c]?[\u0900-\u0903\u094d]*|."
)


def _of_letters(part: str, language: str) -> list[str]:
    if "\u0900" <= part[0] <= "\u097f":
        return _DEVANAGARI.findall(part)
    if "\u3040" <= part[0] <= "\u9fff":
        return _KANA.findall(part)
    plain = "".join(unicodedata.normalize("NFD", letter)[0] for letter in part).lower()
    if len(plain) != len(part) or not plain.isascii():
        return [part]
    nuclei = _english(plain) if language == "en" else _romance(plain, part.lower(), language)
    cuts = [_onset(plain, left[1], right[0]) for left, right in pairwise(nuclei)]
    return [part[start:end] for start, end in zip([0, *cuts], [*cuts, len(part)], strict=True)]


_VOWELS = re.compile(r"[aeiouy]+")
_MUTE = re.compile(r"[^aeiouy]e(?:s|nt)?$")
_ENGLISH = re.compile(
    r"(?P<quiet>(?<=[gq])u(?=[aeiou])|^y(?=[aeiou])|(?<=[aeiouy])y(?=[aeiou])"
    r"|(?<=[aeiouy][^aeiouy'])e(?=(?:ly|less|ments?|ful|fully|ness|some)$)|(?<=[^aeiouy]{2})e(?=(?:ly|less|ments?|ful|fully|ness)$)"
    r"|(?<=[^aeiouytd'])e(?=d$)|(?<=[^aeiouysxzcg'])(?<!ch)(?<!sh)(?<![^aeiouyrl']l)e(?=s$)"
    r"|(?<=[^aeiouy'])(?<![^aeiouyrl]l)e$|(?<=[gq]u)e(?=s?$))"
    r"|(?P<apart>(?<![tcsgxl])i(?=[ao](?!u))|(?<=l)i(?=a)|(?<!p)e(?=o(?!us|n$|ns$|u))|u(?=a(?!r)|ou)|(?<![tcr])i(?=e(?:t$|ty|nc|nt))"
    r"|[aeiouy]{1,2}(?=ing)|(?<=cr)e(?=a)|(?<=id)e(?=a)|(?<=ar)e(?=a)|y(?=ing))"
    r"|(?P<vowels>[aeiouy]+?(?=(?:i[ao](?!u)|uou|ing|eo(?!us|u))|$|[^aeiouy])|[aeiouy])"
    r"|(?P<final>(?<=[^aeiouyrl'])le(?=[sd]?$))|(?P<ism>(?<=[iay])sm(?=s?$))|(?P<nt>(?<=[^aeiouy'])n(?='t))"
)


_COMPOUND = re.compile(
    r"(?:time|trade|safe|here|there|where|some|pipe|fore|score|life|home|name|house|side|line|code|fire|wide|page|voice|note|type"
    r"|base|care|use|store|like|white|whole|these|those|game|face|space|place|make|take|wire|ware|size|state|date|more|else|score"
    r"|frame|write|live|love|move|give|come|one|shape|price|stage|file|cake|five|nine|image|message|change|large|edge|judge)"
    r"(?=[^aeiouyrld'][a-z])"
)
"""Words that end in a silent letter, at the beginning of compounds."""


def _english(word: str) -> list[tuple[int, int]]:
    """Return the spans of the nuclei, at least one."""
    found: list[tuple[int, int]] = []
    compound = _COMPOUND.match(word)
    at = 0
    while at < len(word):
        if compound and at == compound.end() - 1:
            at += 1
        match = _ENGLISH.match(word, at)
        if match is None:
            at += 1
            continue
        at = match.end()
        if match.lastgroup != "quiet":
            found.append(match.span())
    return _never_none(found, word)


def _romance(word: str, written: str, language: str) -> list[tuple[int, int]]:
    """Return the spans of the nuclei: adjacent vowels form one unless both are strong, or a weak vowel has an accent."""
    found: list[tuple[int, int]] = []
    for run in _VOWELS.finditer(word):
        start = run.start()
        for at in range(start + 1, run.end()):
            strong = word[at - 1] in "aeo" and word[at] in "aeo" and written[at - 1] not in "ãõ"
            accented = language in {"es", "pt", "it"} and (written[at] in "íúìù" or written[at - 1] in "íúìù")
            if language in {"es", "pt", "it"} and (strong or accented):
                found.append((start, at))
                start = at
        found.append((start, run.end()))
    if language == "fr" and len(found) > 1 and _MUTE.search(word) and written[found[-1][0]] == "e":
        found.pop()
    found = [span for span in found if not (word[span[0] - 1 : span[0]] in {"q", "g"} and word[slice(*span)] == "u")] or found
    return _never_none(found, word)


def _never_none(found: list[tuple[int, int]], word: str) -> list[tuple[int, int]]:
    if len(found) > 1 and found[-1] == (len(word) - 1, len(word)) and word[-1] == "e" and word[-2:] != "ee":
        return found
    return found or [(0, len(word))]


_ONSETS = frozenset(
    [
        "bl",
        "br",
        "ch",
        "cl",
        "cr",
        "dr",
        "fl",
        "fr",
        "gh",
        "gl",
        "gr",
        "kn",
        "ph",
        "pl",
        "pr",
        "qu",
        "sc",
        "sh",
        "sk",
        "sl",
        "sm",
        "sn",
        "sp",
        "st",
        "sw",
        "th",
        "tr",
        "tw",
        "wh",
        "wr",
    ]
) | frozenset(["scr", "shr", "spl", "spr", "str", "thr"])


def _onset(word: str, end: int, start: int) -> int:
    """Return the cut in the consonants between two nuclei: those that can begin a word go with the second."""
    between = word[end:start]
    if word.startswith("n't", start):
        return start
    for length in (3, 2):
        if len(between) > length - (length == 2) and between[-length:] in _ONSETS:
            return start - length
    return start - min(1, len(between))


_SOUND = frozenset("aeiouyɑɒæɐɔəɚɛɜɝɪʊʌɨʉøœɯɤᵻIAWOYQᵊ")
_LONG = frozenset("ː:")


def _cuts(phones: Sequence[Phone]) -> list[float]:
    """Return the start times of the syllables of a word after the first, by its sounds."""
    cuts: list[float] = []
    consonants: list[Phone] = []
    vowel = seen = stressed = False
    for phone in phones:
        symbol = unicodedata.normalize("NFD", phone.symbol).strip("ˈˌ ")
        stressed = stressed or phone.symbol[:1] in "ˈˌ"
        if not symbol:
            vowel = False
        elif symbol[0] in _SOUND or "\u0329" in symbol:
            if not vowel and seen:
                cuts.append((consonants[-1] if consonants else phone).start)
            vowel = seen = True
            consonants = []
        elif symbol[0] in _LONG:
            vowel = False
        else:
            vowel = False
            consonants.append(phone)
    return cuts
