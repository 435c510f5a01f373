"""The first phrase of a long first sentence."""

from dataclasses import dataclass

import pytest

from echo_synthesis.text.first_phrase import split_first_phrase
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment


@dataclass(frozen=True)
class Entry:
    term: str
    respelling: str | None = None
    ipa: str | None = None
    case_sensitive: bool = False


def phrases(text: str, language: str = "en-US", *entries: Entry) -> list[str]:
    """Return the written words of both parts."""
    [segment] = [part for part in compose(text, NormalizationOptions(language), 400) if isinstance(part, Segment)]
    split = split_first_phrase(segment, language, entries)
    return [" ".join(word.text for word in part.words) for part in split or (segment,)]


@pytest.mark.parametrize(
    ("text", "first", "language"),
    [
        ("When the rain stopped, the children ran out to the garden again.", "When the rain stopped", "en-US"),
        ("The old baker sang loudly because his bread was good that day.", "The old baker sang loudly", "en-US"),
        ("The old baker carried bread over the long bridge every single morning.", "The old baker carried bread", "en-US"),
        ("Yes, of course I can help you with that problem today.", "Yes of course I can help you", "en-US"),
        ("Gestern haben wir lange gewartet, weil der Zug nicht pünktlich fuhr.", "Gestern haben wir lange gewartet", "de-DE"),
        (
            "Hier soir nous avons longtemps attendu le train de nuit ensemble.",
            "Hier soir nous avons longtemps attendu",
            "fr-FR",
        ),
    ],
)
def test_the_phrase_ends_at_a_clause_else_before_a_function_word(text: str, first: str, language: str) -> None:
    assert phrases(text, language)[0] == first


def test_short_sentences_stay_whole() -> None:
    assert len(phrases("The old baker carried a lantern over it.")) == 1
    assert len(phrases("The old baker carried a lantern over it today.")) == 2


def test_sentences_without_a_boundary_stay_whole() -> None:
    assert (
        len(phrases("Artificial intelligence systems increasingly transform many different industries worldwide today.")) == 1
    )


@pytest.mark.parametrize(
    "text",
    [
        "They paid him in 3 of 14 days and nothing more since then.",
        "We met old Mr. Smith in New York City and Los Angeles last year.",
        "On Monday, January 5, 2024, the tired travellers came back home again.",
        "Under The Big Sky In New Mexico Of Old nobody ever sings today.",
    ],
)
def test_numbers_abbreviations_and_names_are_not_separated(text: str) -> None:
    first, *rest = phrases(text)
    if rest:
        assert len(first.split()) >= 3
        assert not rest[0][0].isdigit()
        assert not (first.split()[-1].rstrip(".")[0].isupper() and rest[0][0].isupper() and "," not in text)


def test_terms_of_the_lexicon_are_not_separated() -> None:
    text = "We watched Gone with the Wind yesterday after our long dinner."
    assert phrases(text)[0] == "We watched Gone"
    assert phrases(text, "en-US", Entry("gone with the wind", "x"))[0] == "We watched Gone with the Wind yesterday"


def test_both_parts_have_the_words_and_sounds_of_the_whole() -> None:
    text = "The old baker paid a young sailor $20, because his journey was long."
    [whole] = [part for part in compose(text, NormalizationOptions("en-US"), 400) if isinstance(part, Segment)]
    split = split_first_phrase(whole, "en-US")
    assert split is not None
    first, rest = split
    assert (first.joint, rest.joint) == ("end", "start")
    assert [word.written for word in (*first.words, *rest.words)] == [word.written for word in whole.words]
    for part in split:
        assert [word.stop for word in part.words][-1] == len(part.spoken)
    said = [part.said(word) for part in split for word in part.words]
    assert said == [whole.said(word) for word in whole.words]
    assert not first.words[-1].ends
    assert rest.words[-1].ends
