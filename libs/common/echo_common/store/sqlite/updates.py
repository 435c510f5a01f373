"""Updates of the portable query language, applied to a document."""

from collections.abc import Callable, Mapping
from typing import Any

from echo_common.store.codec import MAX_INTEGER, MIN_INTEGER, normalize
from echo_common.store.port import Document, Filter
from echo_common.store.sqlite.matching import is_operators, member_test
from echo_common.store.sqlite.values import key_of, sort_key

Update = Mapping[str, Mapping[str, Any]]


def apply(document: Document, update: Update) -> None:
    """Apply a normalised update to a document.

    Raises:
        ValueError: An operator is not portable, or does not fit the existing value.
    """
    for name, changes in update.items():
        if name not in _OPERATORS:
            raise ValueError(f"{name} is not portable")
        for path, operand in changes.items():
            if path == "_id" and document.get("_id") != operand:
                raise ValueError("the identifier of a document cannot be changed")
            _OPERATORS[name](document, path.split("."), operand)


def document_from(where: Filter, update: Update) -> Document:
    """Return the document that an upsert inserts: the values that `where` requires, changed by `update`."""
    document: Document = {}
    for name, condition in where.items():
        if not name.startswith("$") and not is_operators(condition):
            _set(document, name.split("."), normalize(condition))  # a copy, which the update may change
    apply(document, update)
    return document


def _parent(value: Any, path: list[str], *, create: bool) -> Any:
    """Return the object or the array that holds the end of a path; None where there is none."""
    for name in path[:-1]:
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        elif isinstance(value, dict):
            value = value.setdefault(name, {}) if create else value.get(name)
    if create and not isinstance(value, dict | list):
        raise ValueError(f"{'.'.join(path)} leads through a value that is no object")
    return value


def _get(parent: Any, name: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(name)
    return parent[int(name)] if isinstance(parent, list) and name.isdecimal() and int(name) < len(parent) else None


def _put(parent: Any, name: str, value: Any) -> None:
    if isinstance(parent, dict):
        parent[name] = value
    elif name.isdecimal():
        parent += [None] * (int(name) + 1 - len(parent))
        parent[int(name)] = value
    else:
        raise ValueError(f"an array has no field {name}")


def _set(document: Document, path: list[str], operand: Any) -> None:
    _put(_parent(document, path, create=True), path[-1], operand)


def _unset(document: Document, path: list[str], _: Any) -> None:
    parent = _parent(document, path, create=False)
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
    elif isinstance(parent, list) and _get(parent, path[-1]) is not None:
        parent[int(path[-1])] = None


def _inc(document: Document, path: list[str], operand: Any) -> None:
    parent = _parent(document, path, create=True)
    value = _get(parent, path[-1])
    value = 0 if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{'.'.join(path)} is no number")
    if isinstance(total := value + operand, int) and not MIN_INTEGER <= total <= MAX_INTEGER:
        raise ValueError(f"{'.'.join(path)} would have more than 64 bits")
    _put(parent, path[-1], total)


def _min(document: Document, path: list[str], operand: Any) -> None:
    parent = _parent(document, path, create=True)
    value = _get(parent, path[-1])
    if value is None or sort_key(key_of(operand)) < sort_key(key_of(value)):  # values of one kind; a null counts as missing
        _put(parent, path[-1], operand)


def _push(document: Document, path: list[str], operand: Any) -> None:
    parent = _parent(document, path, create=True)
    if (array := _get(parent, path[-1])) is None:
        _put(parent, path[-1], array := [])
    if not isinstance(array, list):
        raise ValueError(f"{'.'.join(path)} is no array")
    if not is_operators(operand):
        array.append(operand)
    elif operand.keys() == {"$each"}:
        array.extend(operand["$each"])
    else:
        raise ValueError("$push takes a value or $each")


def _pull(document: Document, path: list[str], operand: Any) -> None:
    parent = _parent(document, path, create=False)
    array = None if parent is None else _get(parent, path[-1])
    if array is None:
        return
    if not isinstance(array, list):
        raise ValueError(f"{'.'.join(path)} is no array")
    passes = member_test(operand)
    array[:] = [member for member in array if not passes(member)]


_OPERATORS: Mapping[str, Callable[[Document, list[str], Any], None]] = {
    "$set": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$min": _min,
    "$push": _push,
    "$pull": _pull,
}
