"""Verbalisation of English."""

from functools import cache

from echo_synthesis.text.english import addresses, calendar, measures, money, names, symbols
from echo_synthesis.text.verbalization import Rules


@cache
def rules(language: str) -> Rules:
    """Return the rules for a variety of English; dates such as 4/5/2024 begin with the month in American English only."""
    american = language.lower() in {"en", "en-us", "en-ca", "en-ph"}
    parts = (
        calendar.iso,
        calendar.numeric_dates(day_first=not american),
        addresses.rules,
        money.rules,
        addresses.telephone,
        calendar.rules,
        measures.rules,
        measures.ORDINAL,
        calendar.years,
        names.rules,
        measures.counts,
        symbols.rules,
    )
    return Rules(rule for part in parts for rule in part)
