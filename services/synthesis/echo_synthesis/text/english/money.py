"""Sums of money."""

import re

from echo_synthesis.text.english.context import attributive
from echo_synthesis.text.english.numbers import APART, DASH, MAGNITUDE, MINUS, NUMBER, cardinal, magnitude, number
from echo_synthesis.text.verbalization import Rules, Said

rules = Rules()

_DOLLAR = ("dollar", "dollars", "cent", "cents")
_CURRENCIES = {
    "$": _DOLLAR,
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "Rs.": ("rupee", "rupees", "paisa", "paise"),
    "Rs": ("rupee", "rupees", "paisa", "paise"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopek", "kopeks"),
    "₺": ("lira", "liras", "kurus", "kurus"),
    "₿": ("bitcoin", "bitcoins", "satoshi", "satoshis"),
    "US$": tuple(f"U S {name}" if "dollar" in name else name for name in _DOLLAR),
    "C$": tuple(f"Canadian {name}" if "dollar" in name else name for name in _DOLLAR),
    "A$": tuple(f"Australian {name}" if "dollar" in name else name for name in _DOLLAR),
    "HK$": tuple(f"Hong Kong {name}" if "dollar" in name else name for name in _DOLLAR),
    "NZ$": tuple(f"New Zealand {name}" if "dollar" in name else name for name in _DOLLAR),
}
_CODES = {
    "USD": _CURRENCIES["US$"],
    "EUR": _CURRENCIES["€"],
    "GBP": _CURRENCIES["£"],
    "JPY": _CURRENCIES["¥"],
    "INR": _CURRENCIES["₹"],
    "CAD": _CURRENCIES["C$"],
    "AUD": _CURRENCIES["A$"],
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "SEK": ("Swedish krona", "Swedish kronor", "öre", "öre"),
    "BTC": _CURRENCIES["₿"],
}
_SYMBOL = "|".join(map(re.escape, sorted(_CURRENCIES, key=len, reverse=True)))
_CODE = "|".join(_CODES)
_SUM = re.compile(rf"({_SYMBOL})\s?(.+)")
_GROUPING = re.compile(r"[,\s]")
_MAGNITUDE = rf"(?:[\s-]?(?P<magnitude>{MAGNITUDE})(?![\w-]))?"


def amount(figure: str, scale: str | None, names: tuple[str, ...], *, negative: bool = False) -> tuple[str, str]:
    """Verbalise a sum; return the words of the figure, and those of its magnitude, which may be empty."""
    one, many, small, smalls = names
    sign = "minus " if negative else ""
    if scale:
        return sign + number(figure), f"{magnitude(scale)} {many}"
    whole, _, fraction = figure.partition(".")
    if len(fraction) != 2:
        return f"{sign}{number(figure)} {one if figure == '1' else many}", ""
    cents = int(fraction)
    units = int(_GROUPING.sub("", whole))
    said = [f"{number(whole)} {one if units == 1 else many}"] if units or not cents else []
    if cents:
        said.append(f"{cardinal(cents)} {small if cents == 1 else smalls}")
    return sign + " and ".join(said), ""


def _names(match: re.Match[str], symbol: str) -> tuple[str, ...]:
    """Return a currency's names as the context requires: five dollars, a five dollar bill."""
    names = _CODES.get(symbol) or _CURRENCIES[symbol]
    one, _, small, smalls = names
    return (one, one, small, smalls if small == "penny" else small) if attributive(match) else names


@rules.add(rf"(?<![\w$£€])(?P<low>(?:{_SYMBOL})\s?{NUMBER})\s?{DASH}\s?(?:{_SYMBOL})?(?P<high>{NUMBER}){_MAGNITUDE}(?!\.*+\w)")
def _range(match: re.Match[str]) -> Said:
    found = _SUM.match(match["low"])
    assert found is not None  # noqa: S101
    names = _CURRENCIES[found[1]]
    high, more = amount(match["high"], match["magnitude"], names)
    said: list[tuple[int | str, str]] = [("low", number(found[2])), ("high", f"to {high}")]
    return [*said, ("magnitude", more)] if more else said


@rules.add(rf"(?<![\w$£€])(?P<symbol>{_SYMBOL})\s?(?P<whole>\d{{1,3}}(?:\.\d{{3}}){{0,3}}),(?P<cents>\d\d)(?![\d.,]?\d)")
def _continental(match: re.Match[str]) -> Said:
    return amount(f"{match['whole'].replace('.', '')}.{match['cents']}", None, _names(match, match["symbol"]))[0]


@rules.add(
    rf"(?P<before>(?<!\w){MINUS}\s?)?(?<![\w$£€])(?P<symbol>{_SYMBOL})(?P<after>{MINUS})?\s?(?P<number>{NUMBER}){_MAGNITUDE}"
    r"(?!\d|[.,]\d)"
)
def _symbol_first(match: re.Match[str]) -> Said:
    negative = bool(match["before"] or match["after"])
    said, more = amount(match["number"], match["magnitude"], _names(match, match["symbol"]), negative=negative)
    return [(match.start(), said), ("magnitude", more)] if more else said


@rules.add(rf"{APART}(?P<minus>{MINUS})?(?P<number>{NUMBER}){_MAGNITUDE}\s?(?P<name>[€£₹¥₩₽₺₿$]|(?:{_CODE})(?!\w))")
def _symbol_last(match: re.Match[str]) -> Said:
    names = _names(match, match["name"])
    said, more = amount(match["number"], match["magnitude"], names, negative=bool(match["minus"]))
    if more:
        scale, _, name = more.partition(" ")
        return [(match.start(), said), ("magnitude", scale), ("name", name)]
    return said


@rules.add(rf"(?<!\w)(?P<name>{_CODE})\s(?P<number>{NUMBER}){_MAGNITUDE}(?![.,]?\w)")
def _code_first(match: re.Match[str]) -> Said:
    said, more = amount(match["number"], match["magnitude"], _CODES[match["name"]])
    return f"{said} {more}".strip()


@rules.add(rf"(?<![\w$£€])(?P<symbol>{_SYMBOL})\.(?P<cents>\d\d)(?!\d)")
def _less_than_one(match: re.Match[str]) -> Said:
    return amount(f"0.{match['cents']}", None, _names(match, match["symbol"]))[0]


@rules.add(rf"{APART}(?P<number>{NUMBER})\s?¢")
def _cents(match: re.Match[str]) -> Said:
    return f"{number(match['number'])} {'cent' if match['number'] == '1' else 'cents'}"
