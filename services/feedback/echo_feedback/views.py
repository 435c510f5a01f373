"""Conversion of ratings, summaries and history to API responses."""

from echo_common.contracts.http.feedback import RatingSummary, RatingTotals, RatingView
from echo_common.contracts.http.history import HistoryEntry
from echo_feedback.domain.history import Entry
from echo_feedback.domain.ratings import RATINGS, Rating
from echo_feedback.domain.summaries import AudioSummary, Summary


def rating_view(rating: Rating) -> RatingView:
    """Build the view of a rating."""
    return RatingView.model_validate(rating, from_attributes=True)


def rating_summary(audio_id: str, summary: AudioSummary) -> RatingSummary:
    """Build the view of the ratings of an audio."""
    return RatingSummary(
        audio_id=audio_id,
        count=summary.count,
        mean=summary.mean,
        distribution={str(rating): summary.distribution[rating] for rating in RATINGS},
        categories=dict(sorted(summary.categories.items())),
        reasons=dict(sorted(summary.reasons.items())),
    )


def rating_totals(summary: Summary) -> RatingTotals:
    """Build the view of the ratings of a voice or an engine."""
    return RatingTotals(
        subject=summary.subject.value,
        name=summary.name,
        count=summary.count,
        mean=summary.mean,
        distribution={str(rating): number for rating, number in zip(RATINGS, summary.distribution, strict=True)},
        updated_at=summary.updated_at,
    )


def history_entry(entry: Entry) -> HistoryEntry:
    """Build the view of an entry of the usage history."""
    return HistoryEntry.model_validate(entry, from_attributes=True)
