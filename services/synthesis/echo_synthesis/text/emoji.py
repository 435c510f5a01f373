"""Verbalisation of emoji by their names."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import emoji

from echo_synthesis.text.verbalization import Rules, Said
from echo_synthesis.text.words import PICTURES

_LONGEST_RUN = 100
_JOINED = re.compile("[\u200d\u20e3\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_SHADES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")


@cache
def rules(language: str) -> Rules:
    """Return the rules that name emoji in a language; emoji are silent if it has no names for them."""
    known = _known(language)
    found = Rules()

    @found.add(PICTURES)
    def _pictures(match: re.Match[str]) -> Said:
        names: list[str] = []
        for picture in _apart(match[0]):
            name = _name(picture, known) if known else ""
            if name and name not in names[-1:]:
                names.append(name)
        return ", ".join(names) or None

    return found


def _known(language: str) -> str | None:
    base = language.split("-")[0].lower()
    return base if base in emoji.LANGUAGES else None


def _apart(run: str) -> list[str]:
    """Split a run into its emoji; symbols that no list of emoji contains count too."""
    parts: list[str] = []
    for stretch in _stretches(run):
        end = 0
        for found in emoji.emoji_list(stretch):
            parts += [*stretch[end : found["match_start"]], found["emoji"]]
            end = found["match_end"]
        parts += stretch[end:]
    return parts


def _stretches(run: str) -> Iterator[str]:
    """Split a run, not within an emoji if possible, because the library takes quadratic time in a run's length."""
    start = 0
    while start < len(run):
        end = start + _LONGEST_RUN
        while end < min(len(run), start + 2 * _LONGEST_RUN) and (_JOINED.match(run[end]) or run[end - 1] == "\u200d"):
            end += 1
        yield run[start:end]
        start = end


def _name(picture: str, language: str) -> str:
    plain = _SHADES.sub("", picture)
    if not plain:
        return ""
    named = emoji.demojize(plain, delimiters=("\0", "\0"), language=language)
    if named.startswith("\0"):
        return named.strip("\0").replace("_", " ").replace("-", " ").strip()
    return unicodedata.name(plain[0], "").lower() if language == "en" and len(plain) == 1 else ""
