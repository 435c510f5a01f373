"""Conversion between documents and JSON text.

JSON lacks dates, bytes and some floats: these are objects with a single key that starts with `$`. A document's own object that
starts with such a key is wrapped. `{"$` occurs in JSON text only where such an object begins, because a quote inside a string
is escaped, so counting it tells whether any conversion is needed.
"""

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from echo_common.store.port import Document

MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_DATE, _BYTES, _FLOAT, _WRAPPED = "$date", "$bytes", "$float", "$object"
_MARK = b'{"$'
_PLAIN = frozenset({str, bool, bytes, type(None)})
"""Types whose values need no conversion."""

# orjson writes a float that JSON lacks as null, and accepts integers up to 2**64 - 1.
_SUSPICIOUS = re.compile(rb"null|[:\[,]\d{19}")


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the JSON text of a document.

    Raises:
        TypeError: It holds a value of an unsupported type, or is nested too deeply.
        OverflowError: It holds an integer of more than 64 bits.
    """
    marks = 0

    def convert(value: Any) -> Any:
        nonlocal marks
        marks += 1
        return _to_json(value)

    text = orjson.dumps(document, default=convert, option=_OPTIONS)
    if text.count(_MARK) != marks or _SUSPICIOUS.search(text):
        return orjson.dumps(_spelled_out(document), default=_to_json, option=_OPTIONS)
    return text


def decode(text: bytes) -> Document:
    """Return the document in a JSON text."""
    document: Document = orjson.loads(text)
    if marks := text.count(_MARK):
        _restore(document, marks)
    return document


def normalize(value: Any) -> Any:
    """Return a copy of a filter or an update with its values in the form in which the database returns them."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {_name(name): normalize(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalize(item) for item in value]
    if isinstance(value, datetime):
        return _EPOCH + timedelta(milliseconds=milliseconds(value))
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return _checked(value)


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds since 1970 in UTC; a moment without a time zone is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return {_DATE: milliseconds(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    raise TypeError(f"no database takes a {type(value).__name__}")


def _spelled_out(value: Any) -> Any:
    """Return a copy in which all values that JSON lacks are objects, and integers are checked."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        spelled = {_name(name): _spelled_out(item) for name, item in value.items()}
        return {_WRAPPED: list(spelled.items())} if next(iter(spelled), "").startswith("$") else spelled
    if isinstance(value, list | tuple):
        return [_spelled_out(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: repr(value)}
    return _checked(value)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a field must be a string, not {name!r}")
    return name


def _checked(value: Any) -> Any:
    if isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        raise OverflowError("an integer of more than 64 bits")
    return value


_FROM_JSON: Mapping[str, Callable[[Any], Any]] = {
    _DATE: lambda value: _EPOCH + timedelta(milliseconds=value),
    _BYTES: base64.b64decode,
    _FLOAT: float,
    _WRAPPED: dict,
}


def _restore(container: Any, left: int) -> int:
    """Replace marked objects within an object or a list by their values; return how many of `left` remain to be found.

    They are mostly near the top: long lists come last, and the search ends once all are found.
    """
    later: list[Any] = []
    for place, value in container.items() if type(container) is dict else enumerate(container):
        kind = type(value)
        if kind is dict:
            if len(value) == 1 and (name := next(iter(value))) in _FROM_JSON:
                left -= 1
                content = value[name]
                if name == _WRAPPED:
                    left = _restore(content, left)
                container[place] = _FROM_JSON[name](content)
            elif value:
                later.append(value)
        elif kind is list and value:
            later.append(value)
    if len(later) > 1:
        later.sort(key=len)
    for value in later:
        if not left:
            break
        left = _restore(value, left)
    return left
