"""Tags of a file as fields of a track; they are untrusted text of any length."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from echo_common.contracts.http.base import remove_unprintable
from echo_common.contracts.http.tracks import LONGEST_GENRE, LONGEST_NAME, MOST_ENTRIES

_SEVERAL: Final = re.compile(r"[;\x00]")
"""Between several values of a tag. Commas and slashes occur in names."""


def fields_of_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return `name`, `artists`, `album` and `genres`, shortened to their limits."""
    return {
        "name": _text(tags.get("title", "")) or None,
        "artists": _texts(_SEVERAL.split(tags.get("artist", "")), LONGEST_NAME),
        "album": _text(tags.get("album", "")) or None,
        "genres": _texts((genre.lower() for genre in _SEVERAL.split(tags.get("genre", ""))), LONGEST_GENRE),
    }


def _text(value: str, longest: int = LONGEST_NAME) -> str:
    encodable = value.encode(errors="ignore").decode()
    return remove_unprintable(encodable).strip()[:longest].strip()


def _texts(values: Iterable[str], longest: int) -> list[str]:
    texts = (_text(value, longest) for value in values)
    return [text for text in dict.fromkeys(texts) if text][:MOST_ENTRIES]
