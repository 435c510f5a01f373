"""Texts are verbalised, and every written word has its spoken words."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_common.errors import ValidationError
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Part, Pause, Segment
from tests.support.written_texts import ABROAD, IN_CONTEXT, WRITTEN


def units(text: str, limit: int = 400, language: str = "en-US", **how: Any) -> list[Segment]:
    return [part for part in script(text, limit, language, **how) if isinstance(part, Segment)]


def script(text: str, limit: int = 400, language: str = "en-US", **how: Any) -> list[Part]:
    return compose(text, NormalizationOptions(language, **how), limit)


def aloud(text: str, language: str = "en-US", **how: Any) -> str:
    return " ".join(unit.text for unit in units(text, language=language, **how))


@pytest.mark.parametrize(("written", "spoken"), [*WRITTEN, *IN_CONTEXT])
def test_written_forms_are_verbalised(written: str, spoken: str) -> None:
    assert aloud(written) == spoken


@pytest.mark.parametrize(("language", "written", "spoken"), ABROAD)
def test_numbers_of_other_languages_are_verbalised(language: str, written: str, spoken: str) -> None:
    assert aloud(written, language) == spoken


def test_normalisation_can_be_disabled() -> None:
    assert aloud("Dr. Smith paid $5 *today*.", normalize=False) == "Dr. Smith paid $5 today."


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("It costs $5.50.", {"$5.50": "five dollars and fifty cents"}),
        ("They have $1.2 million now.", {"$1.2": "one point two", "million": "million dollars"}),
        ("On May 17, 2024 at 5 p.m. sharp.", {"17": "seventeenth", "5": "five", "2024": "twenty twenty-four", "p.m": "P M"}),
        ("Pay 5 € now.", {"5": "five", "€": "euros"}),
        ("Call (555) 123-4567.", {"555": "five five five", "123-4567": "one two three, four five six seven"}),
        ("Hi 👍 there.", {"👍": "thumbs up"}),
        ("Is 5 < 6?", {"5": "five is less than", "6": "six"}),
    ],
)
def test_every_written_word_has_its_spoken_words(text: str, pairs: dict[str, str]) -> None:
    [unit] = units(text)
    assert {word.text: unit.said(word) for word in unit.words if unit.said(word) != word.text} == pairs


def test_every_word_of_other_languages_has_its_spoken_words() -> None:
    [unit] = units("Ho 3,5 kg per 20 €.", language="it-IT")
    said = {word.text: unit.said(word) for word in unit.words if unit.said(word) != word.text}
    assert said == {"3,5": "tre virgola cinque", "kg": "chili", "20": "venti", "€": "euro"}


def test_words_verbalised_together_share_their_spoken_words() -> None:
    class Entry:
        term, respelling, ipa, case_sensitive = "New York City", "nyc", None, False

    [unit] = units("In New York City today.", pronunciations=(Entry(),))
    assert unit.text == "In nyc today."
    assert [(word.first, word.stop) for word in unit.words] == [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]


def test_pauses_are_exact_and_split_sentences() -> None:
    assert [
        part.seconds if isinstance(part, Pause) else part.text for part in script("One [pause:1.5s] two[pause:250ms].")
    ] == [
        "One",
        1.5,
        "two",
        0.25,
    ]
    assert [part.seconds for part in script("Go [pause] on.") if isinstance(part, Pause)] == [0.5]


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("One [pause:soon] two.", 4, "A pause is written"),
        ("One [pause:11s] two.", 4, "at most 10 seconds"),
        ("[pause:9s]" * 70 + "x", 660, "All pauses together"),
        ("A bell \x07 rings.", 7, "U+0007"),
        ("Torn \ud83d apart.", 5, "U+D83D"),
    ],
)
def test_unspeakable_text_is_refused_with_its_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason.replace("+", r"\+")) as refused:
        script(text)
    [detail] = cast("list[dict[str, Any]]", refused.value.details)
    assert (detail["field"], detail["position"], detail["line"], detail["column"]) == ("text", position, 1, position + 1)


@pytest.mark.parametrize("text", ["...", " \n ", "**", "---", "[pause:1s]", "<!-- nothing -->"])
def test_texts_without_words_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="no word"):
        script(text)


PIECES = st.sampled_from(
    [
        *"aZé12 .,;:!?'\"-()/\n$€%&@#+=_*~`°½²日😂👍",
        "Dr. ",
        "St. ",
        " 5 km",
        "$1.2 million ",
        "May 5, 2024 ",
        "10:30 a.m. ",
        "1/2 ",
        "VIII ",
        "Henry IV ",
        "www.example.com/a?b=1 ",
        "a.b@example.com ",
        "+1 555 123 4567 ",
        "v2.0 ",
        "1990s ",
        "7-9 ",
        "#Tag ",
        "\n\n",
        " and ",
        "<b>",
        "&amp;",
        "[x](y.z)",
        "| a | b |\n|---|---|\n",
        "# H\n",
        "```\n",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join), st.integers(40, 400), st.booleans())
def test_spans_are_valid_for_any_text(text: str, limit: int, normalize: bool) -> None:
    try:
        found = units(text, limit, normalize=normalize)
    except ValidationError as error:
        assert "no word" in error.message  # noqa: PT017
        return
    last = 0
    for unit in found:
        assert len(unit.text) <= limit
        ends = [0, *(end for span in unit.spoken for end in (span.start, span.end)), len(unit.text)]
        assert ends == sorted(ends)
        assert all(unit.text[span.start : span.end].strip() for span in unit.spoken)
        assert [word.first for word in unit.words] == sorted(word.first for word in unit.words)
        assert {n for word in unit.words for n in range(word.first, word.stop)} == set(range(len(unit.spoken)))
        for word in unit.words:
            assert last <= word.written.start < word.written.end <= len(text)
            last = word.written.end


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [
        "1 ",
        "$1 ",
        "1-",
        "a@",
        "[a",
        "<!--",
        "*a ",
        "+1 ",
        "12:",
        "http://",
        "| a\n",
        "# a\n",
        "&amp;",
        "May 5 ",
        "(",
        "1/2 ",
        "A.",
        "😂",
    ],
)
def test_huge_texts_are_planned_in_linear_time(seed: str) -> None:
    # the quadratic way would take hours, and the suite's time limit would end it
    assert script(seed * (50_000 // len(seed)) + " end")
