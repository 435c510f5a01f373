"""Metadata that clients attach to syntheses and get back unchanged."""

import json
import math
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

MAXIMUM_KEYS = 50
MAXIMUM_BYTES = 4_096
_KEY = r"^[A-Za-z0-9_-]{1,40}$"
_MAXIMUM_INTEGER = 2**53


def _check_metadata(value: object) -> object:
    """Return the metadata. Raises `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError("Send an object.")
    if len(value) > MAXIMUM_KEYS:
        raise ValueError(f"There are {len(value)} keys; at most {MAXIMUM_KEYS} are permitted.")
    for key, item in value.items():
        if not (isinstance(key, str) and re.fullmatch(_KEY, key)):
            raise ValueError("Keys have 1 to 40 letters (A to Z), digits, hyphens and underscores.")
        if not _is_scalar(item):
            raise ValueError(f"{key} is neither a text, a finite number, true, false nor null. Encode other values as text.")
    try:
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:
        raise ValueError("The texts are not of valid Unicode characters: one has half of a surrogate pair.") from None
    if size > MAXIMUM_BYTES:
        raise ValueError(f"The metadata has {size} bytes as JSON; at most {MAXIMUM_BYTES} are permitted.")
    return value


def _is_scalar(item: object) -> bool:
    if isinstance(item, float):
        return math.isfinite(item)
    if isinstance(item, int):
        return abs(item) <= _MAXIMUM_INTEGER
    return item is None or isinstance(item, str)


MetadataValue = str | bool | int | float | None

Metadata = Annotated[
    dict[str, MetadataValue],
    BeforeValidator(_check_metadata),
    Field(
        max_length=MAXIMUM_KEYS,
        description="Your own data, stored and returned unchanged: texts, numbers, booleans and nulls, at most 50 keys and "
        "4,096 bytes as JSON.",
        examples=[{"project": "audiobook", "chapter": 3}],
        json_schema_extra={"propertyNames": {"pattern": _KEY}},
    ),
]
