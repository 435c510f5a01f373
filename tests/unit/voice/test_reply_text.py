"""Sentences of a reply, and the part of it that was heard."""

import pytest

from echo_common.contracts.http.synthesis import WordTimestamp
from echo_voice.domain.reply_text import SentenceCutter, cut_heard


def _cut(*parts: str) -> list[str]:
    cutter = SentenceCutter()
    return [sentence for part in parts for sentence in cutter.add(part)] + list(cutter.end())


def _words(*words: str) -> list[WordTimestamp]:
    """Words of half a second each."""
    return [
        WordTimestamp(word=word, start_time=number / 2, end_time=(number + 1) / 2, char_start=0, char_end=0)
        for number, word in enumerate(words)
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_sentences_do_not_depend_on_the_parts(size: int) -> None:
    text = 'Good morning, Dr. Ada! How are you? "Fine." Well\u2026 see you at 5.30 p.m.\n- first\n- second'
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    assert _cut(*parts) == [
        "Good morning, Dr. Ada!",
        "How are you?",
        '"Fine."',
        "Well\u2026",
        "see you at 5.30 p.m.",
        "- first",
        "- second",
    ]


def test_sentence_is_complete_before_the_next_one_ends() -> None:
    cutter = SentenceCutter()
    assert list(cutter.add("One. Tw")) == ["One."]
    assert list(cutter.add("o.")) == []
    assert list(cutter.end()) == ["Two."]


def test_chinese_sentences_end_without_spaces() -> None:
    assert _cut("\u4f60\u597d\u3002\u518d\u89c1\u3002") == ["\u4f60\u597d\u3002", "\u518d\u89c1\u3002"]


def test_text_without_sentences_is_cut_between_words() -> None:
    sentences = _cut("word " * 500)
    assert max(map(len, sentences)) <= 1_000
    assert " ".join(sentences) == ("word " * 500).strip()
    assert "".join(_cut("x" * 2_500)) == "x" * 2_500


def test_heard_text_ends_with_the_last_word_that_was_played() -> None:
    text = "Good morning, dear friend. How are you?"
    words = _words("Good", "morning", "dear", "friend", "How", "are", "you")
    assert cut_heard(text, words, 0.2) == ""
    assert cut_heard(text, words, 0.25) == "Good"
    assert cut_heard(text, words, 1.1) == "Good morning,"
    assert cut_heard(text, words, 2.0) == "Good morning, dear friend."
    assert cut_heard(text, words, 99) == text


def test_heard_text_keeps_the_markup_between_words() -> None:
    text = "See **the [guide](https://example.org/a)** now, please."
    assert cut_heard(text, _words("See", "the", "guide", "now", "please"), 1.9) == (
        "See **the [guide](https://example.org/a)** now,"
    )


def test_word_that_is_not_in_the_text_is_skipped() -> None:
    assert cut_heard("One two three", _words("One", "deux", "two", "three"), 1.4) == "One two"
    assert cut_heard("a " + "b " * 300 + "far", _words("a", "far", "b"), 1.4) == "a b"


def test_nothing_was_heard_without_words() -> None:
    assert cut_heard("Hello.", [], 5) == ""
