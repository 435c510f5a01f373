"""Verbalisation of English numbers."""

import re
from functools import lru_cache

from num2words import num2words

NUMBER = r"(?:\d{1,3}(?:[\xa0\u2009\u202f]\d{3}){1,4}|\d{1,3}(?: \d{3}){0,3} 000(?!\d)|\d{1,2}(?:,\d{2}){1,4},\d{3}|\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,15})?"
"""Pattern of a written number, without its sign."""

MINUS = "[-\N{MINUS SIGN}]"
DASH = "[-\N{EN DASH}\N{EM DASH}]"
APART = r"(?<!\w)(?<!\d[.,])"
"""Pattern before a number that is not part of something longer."""

_GROUPING = re.compile(r"[,\s]")
_LONGEST_CARDINAL = 15
_MAGNITUDES = {
    "k": "thousand",
    "thousand": "thousand",
    "m": "million",
    "mn": "million",
    "million": "million",
    "b": "billion",
    "bn": "billion",
    "billion": "billion",
    "t": "trillion",
    "tn": "trillion",
    "trillion": "trillion",
}
MAGNITUDE = r"thousand|million|billion|trillion|(?<=\d)(?:mn|bn|tn|[kKmMbBtT])"
"""Pattern of the magnitude after a number; an abbreviation must follow it directly."""


@lru_cache(4096)
def cardinal(number: int) -> str:
    """Verbalise a cardinal number: 21 is twenty-one."""
    return str(num2words(number)).replace(",", "").replace(" and ", " ")


@lru_cache(1024)
def ordinal(number: int) -> str:
    """Verbalise an ordinal number: 21 is twenty-first."""
    return str(num2words(number, to="ordinal")).replace(",", "").replace(" and ", " ")


def digits(text: str) -> str:
    """Verbalise every digit of the text: 407 is four zero seven."""
    return " ".join(cardinal(int(digit)) for digit in text if digit.isdecimal())


def number(text: str) -> str:
    """Verbalise a written number (`1,234.5`, `-3`, `007`)."""
    sign = "minus " if text[:1] in "-\N{MINUS SIGN}" else ""
    whole, point, fraction = text.lstrip("-\N{MINUS SIGN}").partition(".")
    whole = _GROUPING.sub("", whole)
    if len(whole) > _LONGEST_CARDINAL or (len(whole) > 1 and whole[0] == "0"):
        said = digits(whole)
    else:
        said = cardinal(int(whole or "0"))
    return f"{sign}{said} point {digits(fraction)}" if point else sign + said


def year(number: int) -> str:
    """Verbalise a year: 1905 is nineteen oh five, 2024 is twenty twenty-four."""
    century, rest = divmod(number, 100)
    if number < 1000 or number % 1000 < 10:
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(word: str) -> str:
    """Return the plural of a number's name: six, sixes; twenty, twenties."""
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("x") else "s")


def magnitude(text: str) -> str:
    """Return the full name of a magnitude such as `k`, `bn` or `million`."""
    return _MAGNITUDES[text.lower()]


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_FORM = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")


def roman(text: str) -> int | None:
    """Return the value of a Roman numeral: XIV is 14; None when it is not a Roman numeral."""
    if not text or not _ROMAN_FORM.fullmatch(text):
        return None
    values = [_ROMAN[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def spelled(text: str) -> str:
    """Spell letters and digits separately."""
    return " ".join(cardinal(int(each)) if each.isdecimal() else each.upper() for each in text if each.isalnum())
