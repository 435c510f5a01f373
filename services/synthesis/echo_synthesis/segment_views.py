"""Conversion of segments and revisions to API responses."""

from collections.abc import Sequence

from echo_common.contracts.http.segments import (
    Pronunciation,
    RevisionView,
    SegmentDetails,
    SegmentQualityView,
    SegmentView,
    SegmentWord,
)
from echo_synthesis.domain import Audio, Revision, WordTiming
from echo_synthesis.engine import SegmentQuality
from echo_synthesis.usecases.pronunciations import SpokenTerm
from echo_synthesis.usecases.segments import LocatedSegment, list_spoken_forms


def segment_view(found: LocatedSegment) -> SegmentView:
    """Build the view of a segment."""
    segment = found.segment
    return SegmentView(
        number=found.number,
        text=segment.text,
        spoken=segment.spoken,
        start_time=found.start,
        end_time=found.end,
        char_start=segment.start,
        char_end=segment.end,
        first_word=found.first_word,
        word_count=segment.word_count,
        quality=None if segment.quality is None else _quality_view(segment.quality),
    )


def _quality_view(quality: SegmentQuality) -> SegmentQualityView:
    rate = None
    if quality.words is not None and quality.word_errors is not None:
        rate = round(quality.word_errors / max(1, quality.words), 3)
    return SegmentQualityView(attempts=quality.attempts, problems=list(quality.problems), word_error_rate=rate)


def segment_details(found: LocatedSegment, words: Sequence[WordTiming]) -> SegmentDetails:
    """Build the view of a segment with its words, whose timings are given."""
    return SegmentDetails(
        **segment_view(found).model_dump(),
        words=[
            SegmentWord(
                index=found.first_word + place,
                word=word.word,
                spoken=word.word if word.spoken is None else word.spoken,
                ipa=form.ipa or word.ipa,
                start_time=word.start,
                end_time=word.end,
            )
            for place, (word, form) in enumerate(zip(words, list_spoken_forms(found.segment), strict=True))
        ],
    )


def pronunciation_view(found: SpokenTerm) -> Pronunciation:
    """Build the view of the pronunciation of words."""
    return Pronunciation(
        segment=found.number,
        segment_checksum=found.segment.checksum,
        term=found.term,
        spoken=found.spoken,
        ipa=found.ipa,
        start_word=found.start_word,
        end_word=found.end_word,
        start_time=found.start,
        end_time=found.end,
    )


def revision_view(audio: Audio, revision: Revision) -> RevisionView:
    """Build the view of a revision of an audio."""
    return RevisionView(
        number=revision.number,
        current=revision.number == audio.revision,
        url=Audio.url_of(audio.id, revision.number),
        mime=revision.mime,
        size=revision.size,
        checksum=revision.checksum,
        duration=revision.duration,
        segment=revision.segment,
        job_id=revision.job_id,
        created_at=revision.created_at,
    )
