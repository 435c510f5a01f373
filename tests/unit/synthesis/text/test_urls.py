"""Tests of URLs in texts: each is one written word."""

import pytest

from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment


@pytest.mark.parametrize(
    ("text", "url", "spoken"),
    [
        ("See https://example.com/, please.", "https://example.com/", "example dot com"),
        ("Read (http://example.com/a?b=1).", "http://example.com/a?b=1", "example dot com slash a question mark B equals one"),
        ("Try www.example.com/?q=1 now!", "www.example.com/?q=1", "W W W dot example dot com slash question mark Q equals one"),
    ],
)
def test_word_timings_cover_urls_as_written(text: str, url: str, spoken: str) -> None:
    [unit] = [part for part in compose(text, NormalizationOptions("en-US"), 300) if isinstance(part, Segment)]
    [found] = [word for word in unit.words if "example" in word.text]
    assert (found.text, text[found.written.start : found.written.end]) == (url, url)
    assert unit.said(found) == spoken
    assert len(unit.words) == (3 if "," in text or "!" in text else 2)


def test_urls_are_single_words_without_normalisation() -> None:
    [unit] = compose("See https://example.com/a?b=1, please.", NormalizationOptions("en-US", normalize=False), 300)
    assert isinstance(unit, Segment)
    assert [word.text for word in unit.words] == ["See", "https://example.com/a?b=1", "please"]
