"""Transcripts are compared with the spoken form of a text."""

import pytest

from echo_synthesis.quality.transcript import count_word_errors


@pytest.mark.parametrize(
    ("text", "transcript", "found"),
    [
        ("Doctor Smith paid five dollars.", "Dr. Smith paid $5.", (5, 0)),
        ("It's twenty-one miles to someone.", "It\u2019s 21 miles to some one", (6, 0)),
        ("One two three four.", "One three four.", (4, 1)),
        ("One two three four.", "One two two three four.", (4, 1)),
        ("One two three four.", "One too three for.", (4, 2)),
        ("One two three four.", "", (4, 4)),
        ("One.", "Something else entirely.", (1, 3)),
    ],
)
def test_word_errors_are_counted_after_normalisation(text: str, transcript: str, found: tuple[int, int]) -> None:
    assert count_word_errors(text, transcript, "en-US") == found


def test_words_with_a_prescribed_pronunciation_may_differ() -> None:
    assert count_word_errors("Say Hugh again.", "Say who again.", "en-US", free=1) == (3, 0)
    assert count_word_errors("Say Hugh again.", "Stay who again.", "en-US", free=1) == (3, 1)
