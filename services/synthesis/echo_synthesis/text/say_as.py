"""Verbalisation of `say-as`: https://www.w3.org/TR/ssml-sayas/ and the extensions of cloud services."""

import re
from collections.abc import Callable, Mapping
from functools import partial

from num2words import num2words

from echo_synthesis.text import english
from echo_synthesis.text.english import calendar, numbers
from echo_synthesis.text.english.addresses import telephone
from echo_synthesis.text.english.calendar import say_date, say_time
from echo_synthesis.text.num2words_rules import code_of
from echo_synthesis.text.verbalization import verbalize

_FIGURE = re.compile(r"[-\N{MINUS SIGN}]?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,15})?")
_WHOLE = re.compile(r"\d{1,3}(?:,\d{3}){1,4}|\d{1,15}")
_FIGURES = re.compile(r"\d+")
_LONGEST_OF_A_DATE = 4
_ORDINAL_ENDING = re.compile(r"(?<=\d)(?:st|nd|rd|th)$", re.IGNORECASE)
_ONLY_FIGURES = re.compile(r"[\d\s.,-]+")
_DIALLED = re.compile(r"\+?[\d\s().-]{2,30}")
_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[^\d\s.,-]")
_FRACTION = re.compile(r"\d/\d|[¼½¾⅓⅔⅛⅜⅝⅞]")
_TIME = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d))?\s?(?:([ap])\.?m\.?)?", re.IGNORECASE)
_ORDERS = frozenset(["mdy", "dmy", "ymd", "md", "dm", "ym", "my", "y", "m", "d", "ydm"])

Verbalizer = Callable[[str, str | None, str], str | None]


def say_as(text: str, kind: str, form: str | None, *, language: str) -> str | None:
    """Verbalise `text` as a `kind` of value; None when it is not of that kind.

    Raises:
        KeyError: The kind is unknown.
    """
    return _KINDS[kind](text, form, language)


def say_as_for(language: str) -> Callable[[str, str, str | None], str | None]:
    """Return `say_as` for a language."""
    return partial(say_as, language=language)


def _is_english(language: str) -> bool:
    return language.lower().startswith("en")


def _cardinal(text: str, _: str | None, language: str) -> str | None:
    if not _FIGURE.fullmatch(text):
        value = numbers.roman(text)
        return None if not value else _cardinal(str(value), None, language)
    if _is_english(language):
        return numbers.number(text)
    code = code_of(language)
    plain = text.replace(",", "")
    return str(num2words(float(plain) if "." in plain else int(plain), lang=code)) if code else text


def _ordinal(text: str, _: str | None, language: str) -> str | None:
    plain = _ORDINAL_ENDING.sub("", text)
    value = int(plain.replace(",", "")) if _WHOLE.fullmatch(plain) else numbers.roman(plain)
    if not value:
        return None
    if _is_english(language):
        return numbers.ordinal(value)
    code = code_of(language)
    return str(num2words(value, lang=code, to="ordinal")) if code else text


def _digits(text: str, _: str | None, language: str) -> str | None:
    if not _ONLY_FIGURES.fullmatch(text):
        return None
    figures = [each for each in text if each.isdecimal()]
    if not figures:
        return None
    return numbers.digits(text) if _is_english(language) else " ".join(figures)


def _characters(text: str, _: str | None, language: str) -> str | None:
    spelled = numbers.spelled(text) if _is_english(language) else " ".join(each for each in text if each.isalnum())
    return spelled or None


def _date(text: str, form: str | None, language: str) -> str | None:
    if not _is_english(language):
        return None
    if form is None and any(map(str.isalpha, text)):
        return verbalize_short_text(text, language) if verbalize(text, calendar.rules) else None
    figures = _FIGURES.findall(text)
    order = form or {2: "md", 3: "ymd" if len(figures[0]) == 4 else "mdy"}.get(len(figures), "")
    if order not in _ORDERS or len(figures) != len(order) or max(map(len, figures)) > _LONGEST_OF_A_DATE:
        return None
    parts = dict(zip(order, map(int, figures), strict=True))
    years = parts.get("y")
    if years is not None and years < 100 and len(figures[order.index("y")]) == 2:
        years += 2000 if years <= 50 else 1900
    if "m" in parts and "d" in parts:
        return say_date(parts["m"], parts["d"], years)
    if "m" in parts and 1 <= parts["m"] <= 12:
        month = (say_date(parts["m"], 1, None) or "").split()[0]
        return month if years is None else f"{month} {numbers.year(years)}"
    if "d" in parts:
        return numbers.ordinal(parts["d"]) if 1 <= parts["d"] <= 31 else None
    return numbers.year(years) if years is not None else None


def _time(text: str, _: str | None, language: str) -> str | None:
    found = _TIME.fullmatch(text)
    if found is None or not _is_english(language):
        return None
    return say_time(int(found[1]), int(found[2] or 0), int(found[3]) if found[3] else None, found[4])


def _telephone(text: str, _: str | None, language: str) -> str | None:
    if not _is_english(language) or not _DIALLED.fullmatch(text):
        return None
    verbalizations = verbalize(text, telephone)
    if len(verbalizations) == 1 and (verbalizations[0].start, verbalizations[0].end) == (0, len(text)):
        return " ".join(piece.text for piece in verbalizations[0].pieces)
    groups = ", ".join(numbers.digits(group) for group in _FIGURES.findall(text))
    return f"plus {groups}" if text.startswith("+") else groups or None


def _currency(text: str, _: str | None, language: str) -> str | None:
    if not _is_english(language) or not _DIGIT.search(text) or not _SIGN.search(text):
        return None
    return verbalize_short_text(text, language)


def _fraction(text: str, _: str | None, language: str) -> str | None:
    return verbalize_short_text(text, language) if _is_english(language) and _FRACTION.search(text) else None


def verbalize_short_text(text: str, language: str) -> str:
    """Verbalise a short English text; return a text in another language unchanged."""
    if not _is_english(language):
        return text
    parts, end = [], 0
    for verbalization in verbalize(text, english.rules(language)):
        parts += [text[end : verbalization.start], *(piece.text for piece in verbalization.pieces)]
        end = verbalization.end
    return " ".join(" ".join([*parts, text[end:]]).split())


_KINDS: Mapping[str, Verbalizer] = {
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "digits": _digits,
    "characters": _characters,
    "spell-out": _characters,
    "verbatim": _characters,
    "date": _date,
    "time": _time,
    "telephone": _telephone,
    "currency": _currency,
    "fraction": _fraction,
}
