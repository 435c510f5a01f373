"""Dates, years and times of day."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re

from echo_synthesis.text.english.context import counted
from echo_synthesis.text.english.numbers import DASH, cardinal, number, ordinal, plural, year
from echo_synthesis.text.verbalization import Rules, Said

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH = r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
_YEAR = r"(?:1[1-9]|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"


def say_date(months: int, day: int, years: int | None) -> str | None:
    """Verbalise a date: `5, 17, 2024` is May seventeenth, twenty twenty-four; None when there is no such day."""
    if not (1 <= months <= 12 and 1 <= day <= 31):
        return None
    said = f"{_MONTHS[months - 1]} {ordinal(day)}"
    return said if years is None else f"{said}, {year(years)}"


def say_time(hours: int, minutes: int, seconds: int | None = None, half: str | None = None) -> str | None:
    """Verbalise a time: `10, 5` is ten oh five; None when there is no such time. `half` is `a` or `p`."""
    if hours > 24 or minutes > 59 or (seconds or 0) > 59:
        return None
    said = cardinal(hours)
    if minutes:
        said += f" {'oh ' if minutes < 10 else ''}{cardinal(minutes)}"
    elif not half:
        said += " o'clock" if 0 < hours <= 12 else " hundred"
    if seconds:
        said += f" and {cardinal(seconds)} second{'s' * (seconds != 1)}"
    return said + (f" {half.upper()} M" if half else "")


def _month_name(written: str) -> str:
    return next(name for name in _MONTHS if name.startswith(written[:3]))


iso = Rules()


@iso.add(
    r"(?<![\w/=.-])(?P<date>(?P<year>\d{4})(?P<apart>[-/])(?P<month>\d\d)(?P=apart)(?P<day>\d\d))"
    r"(?:[T ](?P<time>(?P<hours>\d\d):(?P<minutes>\d\d)(?::(?P<seconds>\d\d)(?:\.\d{1,9})?)?)(?P<zone>Z|[+-]\d\d:?\d\d)?)?(?![\w/-])"
)
def _iso(match: re.Match[str]) -> Said:
    date = say_date(int(match["month"]), int(match["day"]), int(match["year"]))
    if date is None or match["time"] is None:
        return date
    time = say_time(int(match["hours"]), int(match["minutes"]), int(match["seconds"] or 0))
    if time is None:
        return None
    return [("date", f"{date},"), ("time", time)]


def numeric_dates(*, day_first: bool) -> Rules:
    """Return rules for dates such as 5/17/2024, with the month or the day first."""
    rules = Rules()

    @rules.add(r"(?<![\w./-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)(?![\w/]|[.-]\w)")
    def _date(match: re.Match[str]) -> Said:
        first, second, written = int(match[1]), int(match[3]), match[4]
        if match[2] == "." and len(written) == 2:
            return None  # a version number
        swapped = (day_first or match[2] == "." or first > 12) and second <= 12
        years = int(written) if len(written) == 4 else 2000 + int(written) - 100 * (int(written) > 50)
        return say_date(*((second, first) if swapped else (first, second)), years)

    return rules


rules = Rules()


@rules.add(r"(?<![\w.,$€£])(?P<century>1[1-9]|20)(?P<decade>\d)0['\N{RIGHT SINGLE QUOTATION MARK}]?s(?!\w)")
def _decade(match: re.Match[str]) -> Said:
    if match["decade"] == "0":
        return "two thousands" if match["century"] == "20" else f"{cardinal(int(match['century']))} hundreds"
    return f"{cardinal(int(match['century']))} {plural(cardinal(10 * int(match['decade'])))}"


@rules.add(
    r"(?:(?<=\s)|^)(?P<mark>['\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}])(?P<decade>[1-9]0)s(?!\w)"
    r"|(?i:(?<=the )|(?<=early )|(?<=late )|(?<=mid )|(?<=mid-))(?P<bare>[1-9]0)s(?!\w)"
    r"|(?<![\w.,:$€£'’-])(?P<kind>[2-9]0s)(?=\s(?:kids?|music|movies?|style|fashion|songs?|hits|rock|pop|nostalgia|vibes?)\b)"
)
def _short_decade(match: re.Match[str]) -> Said:
    return plural(cardinal(int(match["decade"] or match["bare"] or match["kind"][:2])))


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY = r"(?:Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)\.?"


@rules.add(rf"(?<!\w)(?P<first>{_WEEKDAY})\s?{DASH}\s?(?P<last>{_WEEKDAY})(?!\w)")
def _weekdays(match: re.Match[str]) -> Said:
    return [("first", _weekday_name(match["first"])), ("last", f"to {_weekday_name(match['last'])}")]


def _weekday_name(written: str) -> str:
    return next(day for day in _WEEKDAYS if day.startswith(written[:3]))


@rules.add(r"(?<!\w)(?P<name>Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)(?:\.,?|,)(?=\s(?:the\s)?[A-Z\d])")
def _weekday(match: re.Match[str]) -> Said:
    return _weekday_name(match["name"]) + ","


@rules.add(
    rf"(?<!\w)(?P<month>{_MONTH})\s(?P<day>{_DAY})(?:st|nd|rd|th)?(?:\s?{DASH}\s?(?P<last>{_DAY})(?:st|nd|rd|th)?)?"
    rf"(?:(?P<comma>,)?\s(?P<year>{_YEAR}))?(?![\w%$€£]|[.,:/-]\d)"
)
def _month_day(match: re.Match[str]) -> Said:
    said: list[tuple[int | str, str]] = [("month", _month_name(match["month"])), ("day", ordinal(int(match["day"])))]
    if match["last"]:
        said.append(("last", f"to {ordinal(int(match['last']))}"))
    if match["year"]:
        said[-1] = (said[-1][0], said[-1][1] + ",")
        said.append(("year", year(int(match["year"]))))
    return said


@rules.add(
    rf"(?i:(?P<the>the\s)?)(?<![\w.,:/$€£-])(?P<day>{_DAY})(?:st|nd|rd|th)?\s(?P<month>{_MONTH})(?:,?\s(?P<year>{_YEAR}))?(?!\w)"
)
def _day_month(match: re.Match[str]) -> Said:
    day = ordinal(int(match["day"]))
    said: list[tuple[int | str, str]] = (
        [("the", match["the"].strip()), ("day", day)] if match["the"] else [("day", f"the {day}")]
    )
    said.append(("month", f"of {_month_name(match['month'])}"))
    return [*said, ("year", year(int(match["year"])))] if match["year"] else said


@rules.add(rf"(?<!\w)(?P<month>{_MONTH}),?\s(?P<year>{_YEAR})(?![\w%]|[.,:/]\d)")
def _month_year(match: re.Match[str]) -> Said:
    return [("month", _month_name(match["month"])), ("year", year(int(match["year"])))]


@rules.add(r"(?<!\w)(?:Jan|Feb|Apr|Aug|Sept?|Oct|Nov|Dec)\.(?=\s[a-z])")
def _month_alone(match: re.Match[str]) -> Said:
    return _month_name(match[0])


_TIME = r"(?P<h{0}>\d{{1,2}})(?:(?::(?P<m{0}>[0-5]\d)(?::(?P<s{0}>[0-5]\d))?)(?:\s?(?P<a{0}>[AaPp])(?:\.[Mm]\.|[Mm](?!\w)))?|\s?(?P<b{0}>[AaPp])(?:\.[Mm]\.|[Mm](?!\w)))"
_BEFORE = r"(?<![\w:.,$€£/])"


def _clock(match: re.Match[str], place: str) -> str | None:
    hours, half = int(match[f"h{place}"]), match[f"a{place}"] or match[f"b{place}"]
    if half and not 1 <= hours <= 12:
        return None
    seconds = match[f"s{place}"]
    return say_time(hours, int(match[f"m{place}"] or 0), int(seconds) if seconds else None, half)


@rules.add(_BEFORE + _TIME.format(1) + rf"\s?{DASH}\s?" + _TIME.format(2) + r"(?![\d:])")
def _times(match: re.Match[str]) -> Said:
    first, last = _clock(match, "1"), _clock(match, "2")
    return [("h1", first), ("h2", f"to {last}")] if first and last else None


@rules.add(_BEFORE + rf"(?P<first>\d{{1,2}})\s?{DASH}\s?" + _TIME.format(2) + r"(?![\d:])")
def _hours(match: re.Match[str]) -> Said:
    last = _clock(match, "2")
    if last is None or not (match["a2"] or match["b2"]) or int(match["first"]) > 12:
        return None
    return [("first", cardinal(int(match["first"]))), ("h2", f"to {last}")]


@rules.add(_BEFORE + _TIME.format(1) + r"(?![\d:])")
def _time(match: re.Match[str]) -> Said:
    said = _clock(match, "1")
    half = "a1" if match["a1"] else "b1"
    if said is None or not match[half]:
        return said
    return [("h1", said[:-4]), (half, said[-3:])]


years = Rules()
_IN = r"(?i:in|since|of|by|from|until|till|to|year|before|after|during|circa|and|early|late|mid|around|spring|summer|autumn|fall|winter|©)"


@years.add(rf"(?<![\w.,$€£/-])(?P<first>{_YEAR})\s?{DASH}\s?(?P<last>{_YEAR}|\d\d)(?![\w%]|[.,/-]\d)")
def _years(match: re.Match[str]) -> Said:
    last = match["last"]
    return [("first", year(int(match["first"]))), ("last", "to " + (year(int(last)) if len(last) == 4 else number(last)))]


@years.add(r"(?<=\s)['\N{RIGHT SINGLE QUOTATION MARK}](?P<year>\d\d)(?![\w'])")
def _short_year(match: re.Match[str]) -> Said:
    return number(match["year"]) if match["year"][0] != "0" else f"oh {cardinal(int(match['year']))}"


@years.add(
    rf"(?<![\w.,$€£/+-])(?P<year>10\d\d|{_YEAR})(?P<possessive>['\N{{RIGHT SINGLE QUOTATION MARK}}]s)?(?![\w%°]|[.,/-]\d)"
)
def _year(match: re.Match[str]) -> Said:
    value = int(match["year"])
    if counted(match) or not (1900 <= value < 2100 or _dated(match)):
        return None
    return year(value) + ("'s" if match["possessive"] else "")


_BEFORE_YEAR = re.compile(rf"(?:^|\W){_IN}\s$")
_ERA = re.compile(r"\s?(?:AD|BC|CE|BCE|A\.D\.|B\.C\.)(?!\w)|\)")


def _dated(match: re.Match[str]) -> bool:
    text = match.string
    before = text[max(0, match.start() - 12) : match.start()]
    return bool(
        _BEFORE_YEAR.search(before) or (_ERA.match(text, match.end()) and (text[match.end()] != ")" or before.endswith("(")))
    )
