"""Values of documents and their order: MongoDB's order, in terms that SQLite compares alike."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from echo_common.store.codec import encode, milliseconds

Key = int | float | str | bytes | None
"""A value in an index. SQLite's order of storage classes (null, number, text, blob) is MongoDB's order of types; a value whose
type sorts after text is a blob that begins with the type's position."""

Direction = Literal[1, -1]

OBJECT, ARRAY, BYTES, BOOLEAN, DATE = b"\x03", b"\x04", b"\x05", b"\x08", b"\x09"
_OFFSET = 2**63


def key_of(value: Any) -> Key:
    """Return the key of a value; None for null. Raises `TypeError`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return BOOLEAN + bytes([value])
    if isinstance(value, int | float):
        return float("-inf") if value != value else value
    if isinstance(value, datetime):
        return DATE + (milliseconds(value) + _OFFSET).to_bytes(8, "big")
    if isinstance(value, bytes):
        return BYTES + len(value).to_bytes(4, "big") + value
    if isinstance(value, Mapping):
        return OBJECT + encode(value)
    if isinstance(value, list):
        return ARRAY + encode({"": value})
    raise TypeError(f"no database takes a {type(value).__name__}")


def kind_of(key: Key) -> tuple[int, bytes]:
    """Return the kind of a key; only values whose keys are of one kind compare."""
    if key is None:
        return 0, b""
    if isinstance(key, int | float):
        return 1, b""
    return (2, b"") if isinstance(key, str) else (3, key[:1])


def sort_key(key: Key) -> tuple[int, Any]:
    """Return a value that Python sorts as SQLite sorts the key."""
    return kind_of(key)[0], 0 if key is None else key


def values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield the values a path leads to: none where it is missing, several where it leads through arrays of objects."""
    if not path:
        yield value
        return
    name, *rest = path
    if isinstance(value, dict):
        if name in value:
            yield from values_at(value[name], rest)
    elif isinstance(value, list):
        if name.isdecimal() and int(name) < len(value):
            yield from values_at(value[int(name)], rest)
        for item in value:
            if isinstance(item, dict):
                yield from values_at(item, path)


def leads_through_array(document: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Return whether a path meets an array, at its end or before."""
    value: Any = document
    for name in path:
        if not isinstance(value, dict):
            return isinstance(value, list)
        value = value.get(name)
    return isinstance(value, list)


def members_at(document: Mapping[str, Any], path: Sequence[str]) -> list[Any]:
    """Return the values at a path and the members of those that are arrays, all of which equality compares."""
    found = list(values_at(document, path))
    return found + [member for value in found if isinstance(value, list) for member in value]


def order_of(document: Mapping[str, Any], path: Sequence[str], direction: Direction) -> tuple[int, Any]:
    """Return a document's sort key at a path: of an array, its least member when ascending, its greatest when descending."""
    flat: list[Any] = []
    for value in values_at(document, path):
        if isinstance(value, list):
            if not value:
                return -1, 0  # before null
            flat += value
        else:
            flat.append(value)
    if not flat:
        return sort_key(None)
    keys = [sort_key(key_of(value)) for value in flat]
    return keys[0] if len(keys) == 1 else (min if direction == 1 else max)(keys)
