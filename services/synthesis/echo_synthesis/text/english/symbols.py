"""Symbols that are spoken as words."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re

from echo_synthesis.text.english.measures import PER, per
from echo_synthesis.text.verbalization import Rules, Said

rules = Rules()

_ALWAYS = {
    "&": "and",
    "=": "equals",
    "≈": "is about",
    "≠": "is not equal to",
    "≤": "is at most",
    "≥": "is at least",
    "±": "plus or minus",
    "×": "times",
    "÷": "divided by",
    "√": "the square root of",
    "∞": "infinity",
    "°": "degrees",
    "§": "section",
    "©": "copyright",
    "®": "registered",
    "™": "trademark",
    "→": "to",
    "%": "percent",
    "@": "at",
    "€": "euros",
    "£": "pounds",
    "¥": "yen",
    "₹": "rupees",
    "$": "dollars",
}


@rules.add(r"(?<!\w)(?P<language>[CFJ])(?P<sign>#|\+\+)(?!\w)")
def _language(match: re.Match[str]) -> Said:
    return match["language"] + (" sharp" if match["sign"] == "#" else " plus plus")


@rules.add(r"(?<=[A-Z])&(?=[A-Z])")
def _initials(_: re.Match[str]) -> Said:
    return "and"


_WRITTEN = {
    "->": "to",
    "-->": "to",
    "=>": "to",
    "!=": "is not equal to",
    "==": "equals",
    "<=": "is at most",
    ">=": "is at least",
}


@rules.add(rf"(?:(?<=\s)|^)(?:{'|'.join(sorted(_WRITTEN, key=len, reverse=True))})(?=\s|$)")
def _written(match: re.Match[str]) -> Said:
    return _WRITTEN[match[0]]


@rules.add(r"(?<!\w)(?P<grade>[A-F])(?P<sign>\+)(?![\w+])")
def _grade(match: re.Match[str]) -> Said:
    return f"{match['grade']} plus"


@rules.add(rf"(?<=\0)/(?P<unit>{PER})(?!\w)")
def _per(match: re.Match[str]) -> Said:
    return per(match["unit"])


@rules.add(r"(?<=[^\W\d_])/(?=[^\W\d_]|[\d\0])")
def _slash(_: re.Match[str]) -> Said:
    return " "


@rules.add(r"(?<=[\w\0])_+(?=[\w\0])")
def _underscore(_: re.Match[str]) -> Said:
    return " "


@rules.add(
    r"(?<=[\d\0])\s?\+(?=\s?[\d\0a-z])|(?<=\s)\+(?=\s)|(?<=[a-z])\+(?=[A-Z])|(?<=[\d\0])\+(?!\w)|(?<![\w\0])\+(?=[\d\0])"
)
def _plus(_: re.Match[str]) -> Said:
    return "plus"


@rules.add(r"(?<![\w~])~(?=[\d\0$€£])")
def _about(_: re.Match[str]) -> Said:
    return "about"


@rules.add(r"(?<=[\s\0])(?P<sign>[<>])(?=[\s\0])")
def _compared(match: re.Match[str]) -> Said:
    return "is less than" if match["sign"] == "<" else "is greater than"


@rules.add(f"[{re.escape(''.join(_ALWAYS))}]")
def _sign(match: re.Match[str]) -> Said:
    return _ALWAYS[match[0]]


@rules.add(r"#(?=\w)")
def _hash(_: re.Match[str]) -> Said:
    return "hash"
