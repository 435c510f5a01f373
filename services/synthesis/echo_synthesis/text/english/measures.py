"""Quantities: units, percentages, fractions, ranges, ordinals, and all other numbers."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re

from echo_synthesis.text.english.context import attributive
from echo_synthesis.text.english.numbers import (
    APART,
    DASH,
    MAGNITUDE,
    MINUS,
    NUMBER,
    cardinal,
    digits,
    magnitude,
    number,
    ordinal,
)
from echo_synthesis.text.verbalization import Rules, Said

_UNITS = {
    "km": "kilometer",
    "m": "meter",
    "cm": "centimeter",
    "mm": "millimeter",
    "nm": "nanometer",
    "µm": "micrometer",
    "mi": "mile",
    "yd": "yard",
    "kg": "kilogram",
    "g": "gram",
    "mg": "milligram",
    "µg": "microgram",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "l": "liter",
    "L": "liter",
    "ml": "milliliter",
    "mL": "milliliter",
    "gal": "gallon",
    "s": "second",
    "sec": "second",
    "ms": "millisecond",
    "µs": "microsecond",
    "ns": "nanosecond",
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "W": "watt",
    "kW": "kilowatt",
    "MW": "megawatt",
    "GW": "gigawatt",
    "Wh": "watt-hour",
    "kWh": "kilowatt-hour",
    "mAh": "milliampere-hour",
    "V": "volt",
    "kV": "kilovolt",
    "mA": "milliampere",
    "Ω": "ohm",
    "Hz": "hertz|",
    "kHz": "kilohertz|",
    "MHz": "megahertz|",
    "GHz": "gigahertz|",
    "KB": "kilobyte",
    "kB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "PB": "petabyte",
    "MiB": "mebibyte",
    "GiB": "gibibyte",
    "kbps": "kilobit| per second",
    "Mbps": "megabit| per second",
    "Gbps": "gigabit| per second",
    "MB/s": "megabyte| per second",
    "GB/s": "gigabyte| per second",
    "km/h": "kilometer| per hour",
    "kph": "kilometer| per hour",
    "kmh": "kilometer| per hour",
    "mph": "mile| per hour",
    "m/s": "meter| per second",
    "fps": "frame| per second",
    "rpm": "revolution| per minute",
    "bpm": "beat| per minute",
    "dB": "decibel",
    "Pa": "pascal",
    "hPa": "hectopascal",
    "kPa": "kilopascal",
    "kN": "kilonewton",
    "kJ": "kilojoule",
    "kcal": "kilocalorie",
    "px": "pixel",
    "m²": "square meter",
    "m2": "square meter",
    "cm²": "square centimeter",
    "km²": "square kilometer",
    "km2": "square kilometer",
    "m³": "cubic meter",
    "m3": "cubic meter",
    "cm³": "cubic centimeter",
    "ha": "hectare",
    "°": "degree",
    "deg": "degree",
    "°C": "degree| Celsius",
    "°F": "degree| Fahrenheit",
    "ºC": "degree| Celsius",
    "ºF": "degree| Fahrenheit",
    "ft": "foot",
    "in": "inch",
    "tsp": "teaspoon",
    "tbsp": "tablespoon",
    "wk": "week",
    "wks": "week",
    "yr": "year",
    "yrs": "year",
    "sq ft": "square foot",
    "ft²": "square foot",
    "″": "inch",
    "%": "percent|",
    "‰": "per mille|",
}
"""Singular names of units. The part after a bar is invariable; a bar at the end means that there is no plural."""

_APART_TOO = frozenset(unit for unit in _UNITS if len(unit) > 1 or unit in "mgLWV°%‰Ω") - {"m2", "m3", "in"}
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_PER = {
    "hr": "hour",
    "h": "hour",
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "kg": "kilogram",
    "g": "gram",
    "lb": "pound",
    "l": "liter",
    "L": "liter",
    "dL": "deciliter",
    "mL": "milliliter",
    "m²": "square meter",
    "m2": "square meter",
    "km": "kilometer",
    "GB": "gigabyte",
    "MB": "megabyte",
    **{name: name for name in ("hour", "day", "night", "week", "month", "year", "person", "mile", "unit", "page", "word")},
}
PER = "|".join(map(re.escape, sorted(_PER, key=len, reverse=True)))


def per(symbol: str) -> str:
    """Verbalise the unit after a slash."""
    return f"per {_PER[symbol]}"


_INVARIABLE = re.compile(r"hertz|percent|per mille")


def unit(symbol: str, figure: str) -> str:
    """Return the name of a unit, in the singular or plural that the figure requires."""
    name, _, rest = _UNITS[symbol].partition("|")
    if figure == "1" or _INVARIABLE.search(name):
        return name + rest
    many = name[: -len("foot")] + "feet" if name.endswith("foot") else name + ("es" if name.endswith("inch") else "s")
    return many + rest


rules = Rules()


@rules.add(rf"{APART}(?P<hours>\d{{1,2}})\s?h(?:rs?)?\s?(?P<minutes>\d{{1,2}})\s?(?:m|min|mins)(?!\w)")
def _duration(match: re.Match[str]) -> Said:
    hours, minutes = match["hours"], match["minutes"]
    return f"{number(hours)} {unit('h', hours)} {number(minutes)} {unit('min', minutes)}"


@rules.add(rf"{APART}(?P<feet>\d{{1,3}})\s?(?:ft|feet|foot)\.?\s(?P<inches>\d{{1,2}})\s?(?:in|inches)\b(?!\s(?:a|an|the)\b)")
def _feet_and_inches(match: re.Match[str]) -> Said:
    feet, inches = match["feet"], match["inches"]
    return [("feet", f"{number(feet)} {unit('ft', feet)}"), ("inches", f"{number(inches)} {unit('in', inches)}")]


@rules.add(
    rf"(?P<minus>(?<!\w){MINUS}\s?)?(?<![\w.])(?P<low>{NUMBER})(?:\s?(?:{_UNIT})?\s?{DASH}\s?(?P<high>{NUMBER}))?"
    rf"(?P<space>[\s\N{{NO-BREAK SPACE}}-]?)(?P<unit>{_UNIT})(?:/(?P<per>{PER})(?!\w)|(?P<dot>\.)(?=\s[a-z])|(?![\w²³]|[/'’]\w))"
)
def _quantity(match: re.Match[str]) -> Said:
    symbol = match["unit"].replace("\N{GREEK SMALL LETTER MU}", "µ")
    if match["space"] and symbol not in _APART_TOO and not (symbol == "in" and match["dot"]):
        return None
    if match["dot"] and not symbol.isalpha():
        return None
    low, high = match["low"], match["high"]
    said = unit(symbol, "1" if match["space"] == "-" or (not match["dot"] and attributive(match)) else high or low)
    if match["per"]:
        said = f"{said} {per(match['per'])}"
    first = ("minus " if match["minus"] else "") + number(low)
    numbers: list[tuple[int | str, str]] = [(match.start(), first), *([("high", f"to {number(high)}")] if high else [])]
    return [*numbers, ("unit", said)]


@rules.add(rf"{APART}(?P<feet>\d)['′]\s?(?P<inches>\d{{1,2}})(?:[\"″]|'')")
def _height(match: re.Match[str]) -> Said:
    return f"{number(match['feet'])} foot {number(match['inches'])}"


_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5),
    "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip


def fraction(numerator: int, denominator: int, whole: str | None = None) -> str:
    """Verbalise a fraction: 3 and 4 is three quarters; with a whole, two and three quarters."""
    name = {2: "half", 4: "quarter"}.get(denominator) or ordinal(denominator)
    several = "halves" if denominator == 2 else name + "s"
    part = f"{cardinal(numerator)} {name if numerator == 1 else several}"
    if not whole:
        return part
    return f"{number(whole)} and {'a ' + name if numerator == 1 else part}"


@rules.add(rf"(?:{APART}(?P<whole>\d{{1,4}})\s?)?(?P<part>[{''.join(_VULGAR)}])")
def _vulgar(match: re.Match[str]) -> Said:
    return fraction(*_VULGAR[match["part"]], match["whole"])


_SET = {"24/7": "twenty-four seven", "9/11": "nine eleven", "50/50": "fifty fifty"}
_SHARES = re.compile(r"\s(?:rule|split|ratio|mix|principle|partition)\b")


@rules.add(
    r"(?<![\w./])(?:(?P<whole>\d{1,3})\s(?:(?=\d/\d)))?(?P<top>\d{1,4})/(?P<bottom>\d{1,4})(?:(?P<nth>ths?|rds?|nds?)(?!\w))?(?![\w/]|\.\d)"
)
def _fraction(match: re.Match[str]) -> Said:
    top, bottom = int(match["top"]), int(match["bottom"])
    if not match["whole"] and match[0] in _SET:
        return _SET[match[0]]
    if _SHARES.match(match.string, match.end()):
        return f"{cardinal(top)} {cardinal(bottom)}"
    if 0 < top < bottom and bottom <= 1000 and (match["whole"] or match["nth"] or bottom not in {5, 10, 20, 100}):
        return fraction(top, bottom, match["whole"])
    between = "out of" if bottom in {5, 10, 20, 100} and top <= bottom else "over"
    said = f"{cardinal(top)} {between} {cardinal(bottom)}"
    return f"{number(match['whole'])} {said}" if match["whole"] else said


ORDINAL = Rules()


@ORDINAL.add(r"(?i)(?<![\w.])(?P<number>\d{1,3}(?:,\d{3}){1,3}|\d{1,12})(?:st|nd|rd|th)(?!\w)")
def _ordinal(match: re.Match[str]) -> Said:
    return ordinal(int(match["number"].replace(",", "")))


counts = Rules()
_WORD_AFTER = re.compile(r"\s[a-z]")


@counts.add(rf"{APART}(?P<first>{NUMBER})(?:×|\s?x\s?)(?P<second>{NUMBER})(?:(?:×|\s?x\s?)(?P<third>{NUMBER}))?(?!\.*+\w)")
def _dimensions(match: re.Match[str]) -> Said:
    said: list[tuple[int | str, str]] = [("first", number(match["first"])), ("second", f"by {number(match['second'])}")]
    return [*said, ("third", f"by {number(match['third'])}")] if match["third"] else said


@counts.add(rf"{APART}(?P<number>{NUMBER})x(?!\w|\s?[-+=*/^])")
def _times(match: re.Match[str]) -> Said:
    return f"{number(match['number'])} times"


@counts.add(rf"(?P<minus>(?<!\w){MINUS})?(?<![\w.])(?P<number>{NUMBER})\s?(?P<scale>{MAGNITUDE})(?![\w-])")
def _large(match: re.Match[str]) -> Said:
    sign = "minus " if match["minus"] else ""
    if match["scale"] in {"K", "k"} and match["number"] in {"2", "4", "8"}:
        return f"{number(match['number'])} K"
    if match["scale"] in {"t", "T", "b", "m"}:
        return None
    if match["scale"] in {"M", "B"} and "." not in match["number"] and not _WORD_AFTER.match(match.string, match.end()):
        return None  # a house number, a size
    return [(match.start(), sign + number(match["number"])), ("scale", magnitude(match["scale"]))]


@counts.add(rf"(?<![\w.,/:-])(?P<first>{NUMBER})(?:\s?[\N{{EN DASH}}\N{{EM DASH}}]\s?|-)(?P<last>{NUMBER})(?![\w:/-]|[.,]\d)")
def _range(match: re.Match[str]) -> Said:
    return [("first", number(match["first"])), ("last", f"to {number(match['last'])}")]


@counts.add(r"(?<![\w.:])(?P<first>\d{1,3}):(?P<last>\d{1,3})(?![\w:]|\.\d)")
def _ratio(match: re.Match[str]) -> Said:
    return f"{number(match['first'])} to {number(match['last'])}"


@counts.add(rf"(?<=[\d\0])\s(?P<sign>{MINUS})\s(?=[\d\0])")
def _subtraction(_: re.Match[str]) -> Said:
    return "minus"


@counts.add(r"(?<![\w.])(?P<base>\d{1,9}(?:\.\d{1,9})?)[eE](?P<power>[+-]?\d{1,3})(?!\w)")
def _scientific(match: re.Match[str]) -> Said:
    return f"{number(match['base'])} times ten to the power of {number(match['power'].lstrip('+'))}"


@counts.add(r"(?<![\w.])(?P<base>\d{1,9}|[a-zA-Z]{1,3})(?:(?P<raised>[²³])|\^(?P<power>-?\d{1,4}))(?!\w)")
def _power(match: re.Match[str]) -> Said:
    base = number(match["base"]) if match["base"].isdecimal() else match["base"]
    power = match["power"] or ("2" if match["raised"] == "²" else "3")
    named = {"2": "squared", "3": "cubed"}.get(power) or f"to the power of {number(power)}"
    return f"{base} {named}"


@counts.add(rf"(?P<minus>(?<![\w)\0]){MINUS})?{APART}(?P<number>{NUMBER}|\.\d{{1,15}})(?!\d)")
def _number(match: re.Match[str]) -> Said:
    said = number(match["number"]) if match["number"][0] != "." else f"point {digits(match['number'])}"
    return ("minus " if match["minus"] else "") + said


@counts.add(r"(?P<point>(?<=\d)\.)?(?P<number>\d{1,60})")
def _rest(match: re.Match[str]) -> Said:
    if match["point"]:
        return f"point {digits(match['number'])}"
    return number(match["number"])
