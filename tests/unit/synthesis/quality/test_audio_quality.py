"""The quality of an audio adds up that of its segments."""

import pytest

from echo_synthesis.domain import AudioQuality, merge_quality
from echo_synthesis.engine import SegmentQuality

GOOD = SegmentQuality(words=5, word_errors=1)
BAD = SegmentQuality(attempts=3, problems=("words", "clipped"), words=3, word_errors=3)
UNHEARD = SegmentQuality(attempts=2)


def test_segments_are_added_up() -> None:
    assert AudioQuality.of([GOOD, None, BAD, UNHEARD]) == AudioQuality(
        checked=3, attempts=6, repeated=2, with_problems=1, transcribed=2, words=8, word_errors=4
    )


@pytest.mark.parametrize(
    ("segments", "reason", "shown"),
    [
        ([GOOD, BAD], "not_requested", None),
        ([GOOD, UNHEARD], "not_requested", "not_requested"),
        ([GOOD, UNHEARD], None, "failed"),
        ([], "switched_off", "switched_off"),
    ],
)
def test_the_reason_is_given_where_a_transcript_is_missing(
    segments: list[SegmentQuality], reason: str | None, shown: str | None
) -> None:
    assert AudioQuality.of(segments).explain(reason).not_transcribed == shown  # type: ignore[arg-type]


def test_the_sentences_of_a_replaced_segment_are_merged() -> None:
    assert merge_quality([GOOD, None, BAD]) == SegmentQuality(attempts=3, problems=("words", "clipped"), words=8, word_errors=4)
    assert merge_quality([UNHEARD, UNHEARD]) == UNHEARD
    assert merge_quality([None]) is None
