"""Comparison of a JSON value with an expected shape."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final

ABSENT: Final = object()
"""The shape, and the value, of a field that is not there."""


@dataclass(frozen=True)
class Differs:
    """A shape of which Echo deliberately deviates: the document has `written`, Echo has `found`."""

    written: Any
    found: Any


def mismatches(shape: Any, value: Any, place: str = "response") -> Iterator[str]:
    """Yield a sentence for each place where a value has not the expected shape.

    A shape is a mapping (these fields, and any others), a list of one shape (at least one item, all of this shape), a tuple (the
    items), a type or a union (float accepts integers), `Differs`, `ABSENT`, or the value itself.
    """
    if isinstance(shape, Differs):
        yield from mismatches(shape.found, value, place)
        if not any(mismatches(shape.written, value, place)):
            yield f"{place}: {value!r} is as written, no longer different"
    elif value is ABSENT or shape is ABSENT:
        if value is not shape:
            yield f"{place}: {'is missing' if value is ABSENT else 'is present'}"
    elif isinstance(shape, Mapping):
        yield from _in_object(shape, value, place)
    elif isinstance(shape, list | tuple):
        yield from _in_items(shape, value, place)
    elif isinstance(shape, type | UnionType):
        accepted = float | int if shape is float else shape
        boolean = shape is bool or (isinstance(shape, UnionType) and bool in shape.__args__)
        if not isinstance(value, accepted) or (isinstance(value, bool) and not boolean):
            yield f"{place}: {value!r} is not of type {shape}"
    elif value != shape:
        yield f"{place}: {value!r} instead of {shape!r}"


def _in_object(shape: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{place}: {value!r} is not an object"
        return
    for name, part in shape.items():
        yield from mismatches(part, value.get(name, ABSENT), f"{place}.{name}")


def _in_items(shape: list[Any] | tuple[Any, ...], value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, list) or not value or (isinstance(shape, tuple) and len(value) != len(shape)):
        yield f"{place}: {value!r} has not the expected items"
        return
    parts = shape if isinstance(shape, tuple) else shape * len(value)
    for number, (part, item) in enumerate(zip(parts, value, strict=True)):
        yield from mismatches(part, item, f"{place}[{number}]")


def differs(shape: Any) -> bool:
    """Return whether a shape contains a deliberate difference."""
    if isinstance(shape, Mapping):
        return any(differs(part) for part in shape.values())
    return isinstance(shape, Differs) or (isinstance(shape, list | tuple) and any(map(differs, shape)))
