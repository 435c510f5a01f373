"""Lexicon entries match whole words, the longest first."""

# ruff: noqa: RUF001  (IPA)
from dataclasses import dataclass

import pytest

from echo_common.errors import ValidationError
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment


@dataclass(frozen=True)
class Entry:
    term: str
    respelling: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


def unit(text: str, *entries: Entry, phonemes: bool = False) -> Segment:
    [part] = compose(text, NormalizationOptions("en-US", pronunciations=entries, phonemes=phonemes), 400)
    assert isinstance(part, Segment)
    return part


@pytest.mark.parametrize(
    ("text", "entry", "spoken"),
    [
        ("Ask Nguyen now.", Entry("Nguyen", "win"), "Ask win now."),
        ("Ask nguyen's cat.", Entry("Nguyen", "win"), "Ask win's cat."),
        ("SQL and mysql.", Entry("SQL", "sequel"), "sequel and mysql."),
        ("US and us.", Entry("US", "U S", case_sensitive=True), "U S and us."),
        ("In New\n York.", Entry("new york", "noo york"), "In noo york."),
        ("C++ is old.", Entry("C++", "see plus plus"), "see plus plus is old."),
        (".NET runs.", Entry(".NET", "dot net"), "dot net runs."),
        ("**Kubernetes** runs.", Entry("Kubernetes", "koober netties"), "koober netties runs."),
        ("It is 5 kg now.", Entry("kg", "kilos"), "It is five kilos now."),
    ],
)
def test_lexicon_entries_replace_terms(text: str, entry: Entry, spoken: str) -> None:
    assert unit(text, entry).text == spoken


def test_longer_terms_take_precedence_then_earlier_entries() -> None:
    entries = (Entry("York", "yolk"), Entry("New York", "big apple"), Entry("york", "never"))
    assert unit("New York, York.", *entries).text == "big apple, yolk."


def test_ipa_takes_precedence_if_the_engine_supports_it() -> None:
    entry = Entry("Nguyen", "win", "wɪn")
    heard = unit("Nguyen's dog saw Nguyen.", entry, phonemes=True)
    assert heard.text == "Nguyen's dog saw Nguyen."
    assert heard.pronunciations == ("wɪnz", None, None, "wɪn")
    assert unit("Nguyen", entry).pronunciations == ()


def test_ipa_only_terms_are_refused_by_engines_without_ipa() -> None:
    with pytest.raises(ValidationError, match="'Nguyen' is given in IPA only"):
        unit("Ask Nguyen.", Entry("Nguyen", None, "wɪn"))
    assert unit("Ask anybody.", Entry("Nguyen", None, "wɪn")).text == "Ask anybody."


def test_markup_takes_precedence_over_the_lexicon() -> None:
    [part] = compose(
        "<speak><sub alias='seekel'>SQL</sub> SQL</speak>",
        NormalizationOptions("en-US", pronunciations=(Entry("SQL", "sequel"),)),
        400,
    )
    assert isinstance(part, Segment)
    assert part.text == "seekel sequel"


def test_only_entries_that_occur_in_the_text_are_used() -> None:
    entries = [Entry("New York", "a"), Entry("york", "b"), Entry("Rome", "c")]
    assert relevant(entries, "York was new.") == entries[:2]


def test_a_thousand_entries_do_not_slow_down_long_texts() -> None:
    entries = tuple(Entry(f"Term{number}", "x") for number in range(1_000))
    text = "Term500 and many other words that follow. " * 2_000
    parts = compose(text, NormalizationOptions("en-US", pronunciations=entries), 400)
    assert all(part.text.startswith("x and many") for part in parts if isinstance(part, Segment))
