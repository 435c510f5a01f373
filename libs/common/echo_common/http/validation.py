"""Messages for invalid requests: they name a field as the client wrote it, and say what to send instead."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from echo_common.errors import EchoError, InvalidJsonError, JsonRequiredError, ValidationError

_PLACES = ("body", "query", "path", "header", "cookie")
_TEXT = "Enter a text."
_NUMBER = "Enter a number."
_WHOLE_NUMBER = "Enter a whole number."
_BOOLEAN = "Enter true or false."
_LIST = "Send a list."
_OBJECT = "Send a JSON object."
_DATE = "Enter a date in the form YYYY-MM-DD."
_TIME = "Enter a date and time in the form YYYY-MM-DDTHH:MM:SSZ."

_MEMBER = re.compile(r"<\w+\.\w+: ([^<>]+)>")
"""A member of an enumeration in a message of pydantic, with its value as group."""

_Item = Mapping[str, Any]


def validation_error(error: RequestValidationError) -> EchoError:
    """Return the error for an invalid request, with a detail per field and without the submitted values."""
    items = error.errors()
    first = items[0] if items else {}
    if first.get("type") == "json_invalid":
        return _invalid_json(str(error.body), first["loc"][-1], first["ctx"]["error"])
    if tuple(first.get("loc", ())) == ("body",) and isinstance(first.get("input"), bytes):
        return JsonRequiredError()
    return invalid(details_of(items, error.body))


def invalid(details: Sequence[Mapping[str, str]]) -> ValidationError:
    """Return the error for these details; its message names the first field."""
    if not details:
        return ValidationError()
    field, message = details[0]["field"], details[0]["message"]
    return ValidationError(message if field == "body" else f"{field}: {message}", details=details)


def details_of(items: Sequence[_Item], body: Any = None, *, parent: str = "") -> list[dict[str, str]]:
    """Return field and message of each of pydantic's errors.

    Args:
        items: Errors of pydantic or FastAPI.
        body: The validated value; names of alternatives, which pydantic adds to the path of a field, are left out by it.
        parent: Path of the validated value in the request.

    Returns:
        Fields, with dots between the names of nested ones, and messages, without repetitions.
    """
    details: list[dict[str, str]] = []
    for item in items:
        loc = tuple(item["loc"])
        place = loc[0] if not parent and loc and loc[0] in _PLACES else ""
        names = _written(loc[1:] if place else loc, body, item["type"]) if parent or place in {"", "body"} else loc[1:]
        field = ".".join(filter(None, [parent, *map(str, names)])) or "body"
        detail = {"field": field, "message": _message(item, field)}
        if detail not in details:
            details.append(detail)
    return details


def number_too_long() -> ValidationError:
    """Return the error for a body with an integer of more digits than Python converts."""
    message = f"A number in the body has more than {sys.get_int_max_str_digits():,} digits. Send a shorter number."
    return ValidationError(message, details=[{"field": "body", "message": message}])


def _written(loc: Sequence[Any], body: Any, kind: str) -> list[Any]:
    if not isinstance(body, (Mapping, list)):
        return list(loc)
    names, value = [], body
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):  # absent from the body: a missing field, or the name of an alternative
            if not (kind == "missing" and part is loc[-1]):
                continue
        names.append(part)
    return names


def _message(item: _Item, field: str) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "missing" and field == "body":
        return "A JSON body is required; send one with the header Content-Type: application/json."
    if kind == "float_type" and type(item.get("input")) is int:  # an integer outside the range of floats
        return "Enter a number with fewer digits."
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _WITH_CONTEXT:
        return _WITH_CONTEXT[kind](context)
    if kind in {"too_short", "too_long"}:
        return _length(item)
    return _sentence(str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, "))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text[:1].upper()}{text[1:]}."


def _length(item: _Item) -> str:
    context = item["ctx"]
    unit = "character" if isinstance(item.get("input"), str) else "item"
    if item["type"] == "too_short":
        return _at_least(context["min_length"], unit)
    return f"Enter at most {_count(context['max_length'], unit)}."


def _at_least(number: int, unit: str) -> str:
    return "This value cannot be empty." if number == 1 else f"Enter at least {_count(number, unit)}."


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def _choices(context: _Item) -> str:
    choices = _MEMBER.sub(r"\1", str(context["expected"]))
    return f"Enter one of {choices.replace(chr(39), '')}."


def _invalid_json(text: str, position: int, reason: str) -> InvalidJsonError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    message = (
        f"The body is not valid JSON: {reason[:1].lower()}{reason[1:]} at line {line}, column {column}. "
        "Use double quotes around names and texts, and no comma after the last value."
    )
    return InvalidJsonError(
        message, details=[{"field": "body", "message": message, "position": position, "line": line, "column": column}]
    )


_FIXED: Mapping[str, str] = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field; remove it, or correct its name.",
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": "Enter a text of valid Unicode characters.",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "Enter a whole number with fewer digits.",
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "Enter a finite number.",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": "Add the time zone, for example Z for UTC.",
}
_WITH_CONTEXT: Mapping[str, Callable[[_Item], str]] = {
    "string_too_short": lambda context: _at_least(context["min_length"], "character"),
    "string_too_long": lambda context: f"Enter at most {_count(context['max_length'], 'character')}.",
    "string_pattern_mismatch": lambda context: f"Enter a text that matches the pattern {context['pattern']}.",
    "greater_than_equal": lambda context: f"Enter a number of at least {context['ge']}.",
    "greater_than": lambda context: f"Enter a number greater than {context['gt']}.",
    "less_than_equal": lambda context: f"Enter a number of at most {context['le']}.",
    "less_than": lambda context: f"Enter a number less than {context['lt']}.",
    "multiple_of": lambda context: f"Enter a multiple of {context['multiple_of']}.",
    "enum": _choices,
    "literal_error": _choices,
}
