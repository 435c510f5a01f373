"""English numbers in words."""

import re
from functools import lru_cache

from num2words import num2words

NUMBER = r"(?:\d{1,3}(?:[\xa0\u2009\u202f]\d{3}){1,4}|\d{1,3}(?: \d{3}){0,3} 000(?!\d)|\d{1,2}(?:,\d{2}){1,4},\d{3}|\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,15})?"
"""A number as it is written, without its sign."""

MINUS = "[-\N{MINUS SIGN}]"
DASH = "[-\N{EN DASH}\N{EM DASH}]"
APART = r"(?<!\w)(?<!\d[.,])"
"""Before a number: nothing that it would be a part of."""

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
"""What may follow a number to make it larger; an abbreviation only directly."""


@lru_cache(4096)
def cardinal(number: int) -> str:
    """21: twenty-one."""
    return str(num2words(number)).replace(",", "").replace(" and ", " ")


@lru_cache(1024)
def ordinal(number: int) -> str:
    """21: twenty-first."""
    return str(num2words(number, to="ordinal")).replace(",", "").replace(" and ", " ")


def digits(text: str) -> str:
    """Every digit of the text: 407 is four zero seven."""
    return " ".join(cardinal(int(digit)) for digit in text if digit.isdecimal())


def number(text: str) -> str:
    """A number as written (`1,234.5`, `-3`, `007`) in words."""
    sign = "minus " if text[:1] in "-\N{MINUS SIGN}" else ""
    whole, point, fraction = text.lstrip("-\N{MINUS SIGN}").partition(".")
    whole = _GROUPING.sub("", whole)
    if len(whole) > _LONGEST_CARDINAL or (len(whole) > 1 and whole[0] == "0"):
        said = digits(whole)
    else:
        said = cardinal(int(whole or "0"))
    return f"{sign}{said} point {digits(fraction)}" if point else sign + said


def is_one(text: str) -> bool:
    """Whether what is counted is in the singular."""
    return text == "1"


def year(number: int) -> str:
    """1905: nineteen oh five; 2024: twenty twenty-four."""
    century, rest = divmod(number, 100)
    if number < 1000 or number % 1000 < 10:
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(word: str) -> str:
    """Of a number's name: six, sixes; twenty, twenties."""
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("x") else "s")


def magnitude(text: str) -> str:
    """`k`, `bn`, `million` in full."""
    return _MAGNITUDES[text.lower()]


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_FORM = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")


def roman(text: str) -> int | None:
    """XIV: 14; None when it is no Roman numeral."""
    if not text or not _ROMAN_FORM.fullmatch(text):
        return None
    values = [_ROMAN[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def spelled(text: str) -> str:
    """Letters and digits one by one."""
    return " ".join(cardinal(int(each)) if each.isdecimal() else each.upper() for each in text if each.isalnum())
