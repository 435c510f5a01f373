"""Verbalisation of numbers, and of the units and symbols next to them, in languages other than English.

The rest of a text is left to the engine, which knows its language, as are numbers of a language that num2words does not
support.
"""

import re
from decimal import Decimal
from functools import cache

from num2words import CONVERTER_CLASSES, num2words

from echo_synthesis.text.locale_rules import LOCALE_RULES, OTHER, LocaleRules
from echo_synthesis.text.verbalization import Rules, Said

_LONGEST = 15
_DIGITS = re.compile(r"\d+")
_APART_BY = {grouping: re.compile(grouping) for grouping in (r"[.\s]", ",")}
_BEFORE = r"(?<![A-Za-z0-9_:/])(?<!\d[.,])"
_AFTER = r"(?![\d:/]|[.,]\d)"
_DASH = r"[-\N{EN DASH}\N{EM DASH}]"


@cache
def rules(language: str) -> Rules:
    """Return the verbalisation rules of a language, as far as its conventions are known."""
    locale = LOCALE_RULES.get(language.replace("-", "_").split("_")[0].lower(), OTHER)
    code = code_of(language)
    return _RuleBuilder(locale, code).rules()


def code_of(language: str) -> str | None:
    """Return num2words' code of a language; None if it does not support it."""
    tag = language.replace("-", "_")
    if tag in CONVERTER_CLASSES:
        return tag
    base = tag.split("_")[0].lower()
    return base if base in CONVERTER_CLASSES else None


class _RuleBuilder:
    """A builder of a language's rules. Without a `code`, figures are not verbalised."""

    def __init__(self, locale: LocaleRules, code: str | None) -> None:
        self._locale = locale
        self._code = code
        grouping = r"[.\s]" if locale.decimal == "," else ","
        self._apart = _APART_BY[grouping]
        self._figure = (
            rf"(?:\d{{1,3}}(?:{grouping}\d{{3}}){{1,4}}(?!\d)|\d{{1,{_LONGEST}}})(?:{re.escape(locale.decimal)}\d{{1,15}})?"
        )
        self._found = Rules()

    def rules(self) -> Rules:
        locale = self._locale
        kinds = (
            (locale.words, self._abbreviations),
            (locale.months, self._dates),
            (locale.plus and self._code, self._telephones),
            (locale.clock and self._code, self._times),
            (locale.dot and self._code, self._versions),
            (locale.ordinals and self._code, self._ordinals),
            (locale.money and self._code, self._money),
            (locale.units and self._code, self._units),
            (locale.to and self._code, self._ranges),
            (self._code, self._numbers),
        )
        for known, add in kinds:
            if known:
                add()
        return self._found

    def _said(self, written: str) -> str:
        """Verbalise a written number."""
        whole, _, rest = self._apart.sub("", written).partition(self._locale.decimal)
        if not rest:
            return self._cardinal(int(whole))
        if not self._locale.point:
            return str(num2words(Decimal(f"{whole}.{rest}"), lang=self._code))
        fraction = self._digits(rest) if rest[0] == "0" or len(rest) > 2 else self._cardinal(int(rest))
        return f"{self._cardinal(int(whole))} {self._locale.point} {fraction}"

    def _cardinal(self, number: int) -> str:
        return str(num2words(number, lang=self._code)) if self._code else str(number)

    def _digits(self, written: str) -> str:
        return " ".join(self._cardinal(int(digit)) for digit in written if digit.isdecimal())

    def _abbreviations(self) -> None:
        words = self._locale.words
        names = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))

        @self._found.add(rf"(?<![\w.])(?P<name>{names})(?!\w)")
        def _abbreviation(match: re.Match[str]) -> Said:
            return words[match["name"]]

    def _dates(self) -> None:
        locale = self._locale

        @self._found.add(
            r"(?<![\w./-])(?P<day>\d{1,2})(?P<apart>[/.-])(?P<month>\d{1,2})(?P=apart)(?P<year>\d{4})(?![\w/]|[.-]\w)"
        )
        def _date(match: re.Match[str]) -> Said:
            day, month = int(match["day"]), int(match["month"])
            if not (1 <= day <= 31 and 1 <= month <= 12):
                return None
            spoken = locale.first if day == 1 and locale.first else self._cardinal(day)
            return locale.date.format(day=spoken, month=locale.months[month - 1], year=self._cardinal(int(match["year"])))

    def _telephones(self) -> None:
        @self._found.add(
            r"(?<![\w+])(?P<plus>\+)\d{1,3}(?:[-. ]?\(\d{1,5}\))?(?:[-. ]?\d{2,9}){1,6}(?![\w-])",
            r"(?<![\w.,+])(?P<plus>)0\d(?:[. ]\d\d){4}(?![\w-])",
        )
        def _telephone(match: re.Match[str]) -> Said:
            groups = [self._digits(group) for group in _DIGITS.findall(match[0])]
            return " ".join(filter(None, (self._locale.plus if match["plus"] else "", ", ".join(groups))))

    def _times(self) -> None:
        @self._found.add(r"(?<![\w:.,])(?P<hours>[01]?\d|2[0-3])(?::|\s?h\s?)(?P<minutes>[0-5]\d)(?!\d|[:.,]\d|\w)")
        def _time(match: re.Match[str]) -> Said:
            hours, minutes = self._cardinal(int(match["hours"])), int(match["minutes"])
            if not minutes:
                return self._locale.clock.format(hours=hours, minutes="").removesuffix(" y ").removesuffix(" e ").strip()
            return self._locale.clock.format(hours=hours, minutes=self._cardinal(minutes))

    def _versions(self) -> None:
        @self._found.add(r"(?<![\w.,])(?P<number>\d{1,3}(?:\.\d{1,5}){2,4})(?!\.?\w)")
        def _version(match: re.Match[str]) -> Said:
            parts = match["number"].split(".")
            if all(len(part) == 3 for part in parts[1:]):
                return None  # a number with grouped thousands
            return f" {self._locale.dot} ".join(self._cardinal(int(part)) for part in parts)

    def _ordinals(self) -> None:
        endings = self._locale.ordinals
        written = "|".join(map(re.escape, sorted(endings, key=len, reverse=True)))

        @self._found.add(rf"{_BEFORE}(?P<number>\d{{1,4}})(?P<ending>{written})(?!\w)")
        def _ordinal(match: re.Match[str]) -> Said:
            said = str(num2words(int(match["number"]), lang=self._code, to="ordinal"))
            match endings[match["ending"]]:
                case "":
                    return said
                case "#":
                    return said[:-1] if said.endswith(("primero", "tercero")) else said
                case "ère":
                    return said.removesuffix("er") + "ère" if said.endswith("er") else said
                case ending:
                    return " ".join(word[:-1] + ending if word.endswith("o") else word for word in said.split())

    def _money(self) -> None:
        money = self._locale.money
        signs = "|".join(map(re.escape, sorted(money, key=len, reverse=True)))

        @self._found.add(
            rf"(?P<sign>{signs})\s?(?P<figure>{self._figure}){_AFTER}",
            rf"{_BEFORE}(?P<figure>{self._figure})\s?(?P<sign>{signs})",
        )
        def _sum(match: re.Match[str]) -> Said:
            one, many, small, smalls = money[match["sign"]]
            whole, _, rest = match["figure"].partition(self._locale.decimal)
            name = one if whole == "1" else many
            if len(rest) != 2:
                after = match.start("sign") > match.start("figure")
                said = self._said(match["figure"])
                return [("figure", said), ("sign", name)] if after else f"{said} {name}"
            said = f"{self._said(whole)} {name}"
            if not int(rest):
                return said
            hundredths = " ".join(filter(None, (self._cardinal(int(rest)), small if rest == "01" else smalls)))
            return said + self._locale.cents + hundredths

    def _units(self) -> None:
        locale, units = self._locale, self._locale.units
        signs = "|".join(map(re.escape, sorted(units, key=len, reverse=True)))

        @self._found.add(
            rf"(?P<minus>(?<!\w)[-\N{{MINUS SIGN}}])?{_BEFORE}(?:(?P<low>{self._figure})\s?{_DASH}\s?)?(?P<figure>{self._figure})"
            rf"\s?(?P<unit>{signs})(?![\w/²³])"
        )
        def _quantity(match: re.Match[str]) -> Said:
            low = f"{self._said(match['low'])} {locale.to}" if match["low"] else ""
            name = units[match["unit"]][match["figure"] != "1"]
            said = " ".join(filter(None, (locale.minus if match["minus"] else "", low, self._said(match["figure"]))))
            return [(match.start(), said), ("unit", name)]

    def _ranges(self) -> None:
        @self._found.add(
            rf"{_BEFORE}(?P<first>{self._figure})\s?{_DASH}\s?(?P<last>{self._figure})(?P<percent>\s?%)?(?![\w:/-]|[.,]\d)"
        )
        def _range(match: re.Match[str]) -> Said:
            percent = f" {self._locale.percent}" if match["percent"] else ""
            return [("first", self._said(match["first"])), ("last", f"{self._locale.to} {self._said(match['last'])}{percent}")]

    def _numbers(self) -> None:
        locale = self._locale

        @self._found.add(
            rf"(?P<minus>(?<!\w)[-\N{{MINUS SIGN}}])?{_BEFORE}(?P<figure>{self._figure})(?P<percent>\s?%)?{_AFTER}"
        )
        def _number(match: re.Match[str]) -> Said:
            if (match["percent"] and not locale.percent) or (match["minus"] and not locale.minus):
                return None
            if len(match["figure"]) > 1 and match["figure"][0] == "0" and match["figure"][1].isdigit():
                return None
            sign, percent = locale.minus if match["minus"] else "", locale.percent if match["percent"] else ""
            return " ".join(filter(None, (sign, self._said(match["figure"]), percent)))
