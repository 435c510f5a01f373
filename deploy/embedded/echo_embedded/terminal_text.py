"""Texts of a platform for the terminal, without the characters that control it."""

import json
from typing import Any


def printable(text: str) -> str:
    """Return a text without control characters, line breaks and changes of the text direction."""
    return "".join(filter(str.isprintable, text))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each `printable`."""
    return "\n".join(map(printable, text.splitlines()))


def printable_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that keeps unprintable characters as escape sequences of JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)  # escapes only the characters below U+0020
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)
