"""Conversion of ratings, history, usage, errors and statistics to API responses."""

from dataclasses import asdict
from typing import Any

from echo_common.contracts.http.api_usage import (
    ApiUsage,
    EngineStatistics,
    ErrorEntry,
    JobCounts,
    StatisticsPoint,
    UserApiUsage,
)
from echo_common.contracts.http.feedback import RatingSummary, RatingTotals, RatingView
from echo_common.contracts.http.history import HistoryEntry
from echo_feedback.domain.errors import LoggedError
from echo_feedback.domain.history import Entry
from echo_feedback.domain.ratings import RATINGS, Rating
from echo_feedback.domain.statistics import SECOND, Point
from echo_feedback.domain.summaries import AudioSummary, Summary
from echo_feedback.domain.usage import Usage


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


def api_usage(usage: Usage) -> ApiUsage:
    """Build a user's view of API usage."""
    return ApiUsage(**_usage_fields(usage))


def user_api_usage(usage: Usage) -> UserApiUsage:
    """Build an administrator's view of API usage."""
    return UserApiUsage(user_id=usage.user_id, **_usage_fields(usage))


def _usage_fields(usage: Usage) -> dict[str, Any]:
    fields = asdict(usage)
    return {**{name: fields[name] for name in ApiUsage.model_fields if name != "day"}, "day": usage.day.date()}


def error_entry(entry: LoggedError) -> ErrorEntry:
    """Build the view of an entry of the error log."""
    return ErrorEntry.model_validate(entry, from_attributes=True)


def statistics_point(point: Point) -> StatisticsPoint:
    """Build the view of an hour or a day."""
    hits, misses = point.count("cache_hits"), point.count("cache_misses")
    return StatisticsPoint(
        time=point.time,
        requests=point.count("requests"),
        client_errors=point.count("client_errors"),
        server_errors=point.count("server_errors"),
        error_rate=_share(point.count("server_errors"), point.count("requests")),
        errors=point.count("errors"),
        active_users=point.active_users,
        new_users=point.count("new_users"),
        jobs=JobCounts(**{name: point.count(f"jobs/{name}") for name in JobCounts.model_fields}),
        audio_seconds=point.count("audio_milliseconds") / SECOND,
        cache_hits=hits,
        cache_misses=misses,
        cache_hit_rate=_share(hits, hits + misses),
        engines=[
            EngineStatistics(
                engine=engine,
                segments=amounts["segments"],
                audio_seconds=amounts.get("audio_milliseconds", 0) / SECOND,
                compute_seconds=amounts.get("compute_milliseconds", 0) / SECOND,
                real_time_factor=_share(amounts.get("compute_milliseconds", 0), amounts.get("audio_milliseconds", 0)),
            )
            for engine, amounts in point.engines().items()
        ],
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
