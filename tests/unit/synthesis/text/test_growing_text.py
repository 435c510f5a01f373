"""Sentences of a text that is still being written."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from echo_common.errors import ValidationError
from echo_synthesis.text.growing_text import GrowingText
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment
from echo_synthesis.text.sentence_joins import SentenceJoins

ENGLISH = NormalizationOptions("en-US")
PIECES = (
    *(
        "Hello",
        "the",
        "dog",
        "Mr",
        "Dr",
        "St",
        "etc",
        "Jan",
        "No",
        "e.g",
        "U.S",
        "p.m",
        "Dogs",
        "3",
        "5",
        "2024",
        "3.5",
        "1,000",
    ),
    *(
        ". ",
        ".",
        "! ",
        "? ",
        "... ",
        "… ",
        ", ",
        "; ",
        " ",
        " ",
        " ",
        " - ",
        '." ',
        ' "',
        " (",
        ") ",
        "\n",
        "\n\n",
        "\n- ",
        "\n1. ",
    ),
    *(
        "**",
        "*",
        "# ",
        "[",
        "](http://x.org) ",
        "`",
        "```\n",
        "| a | b |\n",
        "&amp; ",
        "<b>",
        "</b>",
        "www.x.org ",
        "🎉 ",
        "。",
        "[pause:1s] ",
    ),
)
texts = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def sentences(parts: Sequence[str], language: str = "en-US") -> list[str]:
    growing = GrowingText(SentenceJoins(language))
    found = [sentence for part in parts for sentence in growing.add(part)]
    rest = growing.flush()
    return [sentence.text for sentence in [*found, *([rest] if rest else [])]]


def spoken(text: str, options: NormalizationOptions = ENGLISH) -> list[str]:
    try:
        return [part.text for part in compose(text, options, 400) if isinstance(part, Segment)]
    except ValidationError:
        return []


@given(text=texts)
@settings(max_examples=400, deadline=None)
def test_the_sentences_do_not_depend_on_the_parts(text: str) -> None:
    whole = sentences([text])
    assert sentences(list(text)) == whole
    assert sentences([text[start : start + 7] for start in range(0, len(text), 7)]) == whole
    assert "".join(whole) == text or not text[len("".join(whole)) :].strip()
