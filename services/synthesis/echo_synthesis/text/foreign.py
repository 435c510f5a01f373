"""Numbers in other languages than English; the rest of a text is left to the engine, which knows its language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from num2words import CONVERTER_CLASSES, num2words

from echo_synthesis.text.reading import Rules, Said

_LONGEST = 15


@dataclass(frozen=True, slots=True)
class _Habits:
    """How a language writes: the sign before decimals, and names of what stands beside numbers."""

    decimal: str = ","
    percent: str = ""
    minus: str = ""
    money: Mapping[str, str] | None = None


_HABITS = {
    "de": _Habits(",", "Prozent", "minus", {"€": "Euro", "$": "Dollar", "£": "Pfund"}),
    "es": _Habits(",", "por ciento", "menos", {"€": "euros", "$": "dólares", "£": "libras"}),
    "fr": _Habits(",", "pour cent", "moins", {"€": "euros", "$": "dollars", "£": "livres"}),
    "it": _Habits(",", "per cento", "meno", {"€": "euro", "$": "dollari", "£": "sterline"}),
    "pt": _Habits(",", "por cento", "menos", {"€": "euros", "$": "dólares", "£": "libras"}),
    "nl": _Habits(",", "procent", "min", {"€": "euro", "$": "dollar", "£": "pond"}),
    "pl": _Habits(",", "procent", "minus"),
    "sv": _Habits(",", "procent", "minus"),
    "ja": _Habits(".", "パーセント", "マイナス", {"¥": "円", "$": "ドル", "€": "ユーロ"}),
}
_OTHER = _Habits()
_ENGLISH_SIGNS = frozenset({"ja", "ko", "th", "he", "kn", "te", "hi", "zh"})


@cache
def rules(language: str) -> Rules:
    """Numbers, and what is counted in percent or money. Empty for a language that num2words does not know."""
    code = code_of(language)
    found = Rules()
    if code is None:
        return found
    habits = _HABITS.get(code.split("_")[0], _OTHER)
    decimal = "." if code in _ENGLISH_SIGNS else habits.decimal
    grouping = r"[.\s]" if decimal == "," else ","
    figure = rf"(?:\d{{1,3}}(?:{grouping}\d{{3}}){{1,4}}(?!\d)|\d{{1,{_LONGEST}}})(?:{re.escape(decimal)}\d{{1,15}})?"
    before = r"(?<![A-Za-z0-9_:/])(?<!\d[.,])"
    after = r"(?![\d:/]|[.,]\d)"

    def said(written: str) -> str:
        whole, _, rest = re.sub(grouping, "", written).partition(decimal)
        value = Decimal(f"{whole}.{rest}") if rest else int(whole)
        return str(num2words(value, lang=code))

    if habits.money:
        signs = re.escape("".join(habits.money))

        @found.add(
            rf"(?P<sign>[{signs}])\s?(?P<figure>{figure}){after}",
            rf"{before}(?P<figure>{figure})\s?(?P<sign>[{signs}])",
        )
        def _money(match: re.Match[str]) -> Said:
            assert habits.money is not None  # noqa: S101
            return f"{said(match['figure'])} {habits.money[match['sign']]}"

    @found.add(rf"(?P<minus>(?<!\w)[-\N{{MINUS SIGN}}])?{before}(?P<figure>{figure})(?P<percent>\s?%)?{after}")
    def _number(match: re.Match[str]) -> Said:
        if (match["percent"] and not habits.percent) or (match["minus"] and not habits.minus):
            return None
        if len(match["figure"]) > 1 and match["figure"][0] == "0" and match["figure"][1].isdigit():
            return None
        parts = (habits.minus if match["minus"] else "", said(match["figure"]), habits.percent if match["percent"] else "")
        return " ".join(filter(None, parts))

    return found


def code_of(language: str) -> str | None:
    """What num2words calls a language, if it knows it."""
    tag = language.replace("-", "_")
    if tag in CONVERTER_CLASSES:
        return tag
    base = tag.split("_")[0].lower()
    return base if base in CONVERTER_CLASSES else None
