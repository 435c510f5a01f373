"""Captions follow the rules of subtitling."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from echo_common.captions import srt, vtt
from echo_synthesis.text.captions import LINE, LINES, SECONDS, cues


@dataclass(frozen=True)
class Word:
    word: str
    start: float
    end: float
    before: str = ""
    after: str = ""
    ends: bool = False


def said(text: str, seconds: float = 0.4) -> list[Word]:
    """Return the words of a text in order; a full stop ends a sentence."""
    return [
        Word(word.strip(".,"), at * seconds, (at + 0.9) * seconds, "", word[len(word.strip(".,")) :], word.endswith("."))
        for at, word in enumerate(text.split())
    ]


def test_each_sentence_is_a_cue() -> None:
    assert [cue.lines for cue in cues(said("One two. Three, four."))] == [("One two.",), ("Three, four.",)]


def test_long_sentences_are_split_after_a_clause() -> None:
    text = "When the rain had stopped at last and everything was quiet, the children ran out into the wide green garden again."
    found = list(cues(said(text, 0.2)))
    assert [" ".join(cue.lines) for cue in found] == [
        "When the rain had stopped at last and everything was quiet,",
        "the children ran out into the wide green garden again.",
    ]


def test_punctuation_keeps_its_position() -> None:
    word = Word("Stop", 0, 1, "“", "!”", True)
    assert [cue.lines for cue in cues([word])] == [("“Stop!”",)]


def test_caption_files_have_the_standard_format() -> None:
    words = [Word("Tom", 3599.9996, 3600.5, "<"), Word("Jerry", 3600.5, 3601.25, "& ", ">", True)]
    assert "".join(srt(cues(words))) == "1\n01:00:00,000 --> 01:00:01,250\n<Tom & Jerry>\n\n"
    assert "".join(vtt(cues(words))) == "WEBVTT\n\n01:00:00.000 --> 01:00:01.250\n&lt;Tom &amp; Jerry&gt;\n\n"


def test_silence_has_no_cue() -> None:
    assert list(cues([])) == []
    assert "".join(vtt(cues([]))) == "WEBVTT\n\n"


WORDS = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=100), st.floats(0.01, 9), st.sampled_from(["", ",", "!"]), st.booleans()),
    max_size=60,
)


@given(WORDS)
def test_captions_follow_the_rules_and_contain_every_word(spoken: list[tuple[str, float, str, bool]]) -> None:
    now, words = 0.0, []
    for text, seconds, after, ends in spoken:
        words.append(Word(text, now, now + seconds, "", after, ends))
        now += seconds
    found = list(cues(words))
    assert "".join("".join(cue.lines) for cue in found).replace(" ", "") == "".join(word.word + word.after for word in words)
    last = 0.0
    for cue in found:
        assert len(cue.lines) <= LINES
        assert all(0 < len(line) <= LINE for line in cue.lines)
        assert last <= cue.start <= cue.end <= cue.start + SECONDS
        last = cue.end
