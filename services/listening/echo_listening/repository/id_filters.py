"""Filters for many ids."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

_IDS_AT_ONCE: Final = 500


def id_filters(ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield filters that together match documents with these ids, each for a limited number of them."""
    distinct = sorted(set(ids))
    for start in range(0, len(distinct), _IDS_AT_ONCE):
        yield {"_id": {"$in": distinct[start : start + _IDS_AT_ONCE]}}
