"""Conversion of ratings, history, usage, errors, statistics and webhooks to API responses."""

from dataclasses import asdict
from typing import Any

import orjson

from echo_common.clock import now
from echo_common.contracts.http.api_usage import ApiUsage, UserApiUsage
from echo_common.contracts.http.error_log import ErrorEntry
from echo_common.contracts.http.feedback import RatingSummary, RatingTotals, RatingView
from echo_common.contracts.http.history import HistoryEntry
from echo_common.contracts.http.statistics import EngineStatistics, JobCounts, StatisticsPoint
from echo_common.contracts.http.webhooks import DeliveryAttempt, DeliveryView, WebhookView
from echo_common.contracts.values import JobStatus
from echo_feedback.domain.deliveries import Delivery
from echo_feedback.domain.errors import LoggedError
from echo_feedback.domain.history import Entry
from echo_feedback.domain.ratings import RATINGS, Rating
from echo_feedback.domain.statistics import SECOND, Point
from echo_feedback.domain.summaries import AudioSummary, Summary
from echo_feedback.domain.usage import Usage
from echo_feedback.domain.webhooks import Webhook


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


def build_api_usage(usage: Usage) -> ApiUsage:
    """Build a user's view of API usage."""
    return ApiUsage(**_build_usage_fields(usage))


def build_user_api_usage(usage: Usage) -> UserApiUsage:
    """Build an administrator's view of API usage."""
    return UserApiUsage(user_id=usage.user_id, **_build_usage_fields(usage))


def _build_usage_fields(usage: Usage) -> dict[str, Any]:
    fields = asdict(usage)
    return {**{name: fields[name] for name in ApiUsage.model_fields if name != "day"}, "day": usage.day.date()}


def build_error_entry(entry: LoggedError) -> ErrorEntry:
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
        error_rate=_compute_share(point.count("server_errors"), point.count("requests")),
        errors=point.count("errors"),
        active_users=point.active_users,
        new_users=point.count("new_users"),
        jobs=JobCounts(**{name: point.count(f"jobs/{name}") for name in JobCounts.model_fields}),
        messages=point.count("messages"),
        audio_seconds=point.count("audio_milliseconds") / SECOND,
        cache_hits=hits,
        cache_misses=misses,
        cache_hit_rate=_compute_share(hits, hits + misses),
        engines=[
            EngineStatistics(
                engine=engine,
                segments=amounts["segments"],
                audio_seconds=amounts.get("audio_milliseconds", 0) / SECOND,
                compute_seconds=amounts.get("compute_milliseconds", 0) / SECOND,
                real_time_factor=_compute_share(amounts.get("compute_milliseconds", 0), amounts.get("audio_milliseconds", 0)),
            )
            for engine, amounts in point.engines().items()
        ],
    )


def _compute_share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def webhook_view(webhook: Webhook) -> WebhookView:
    """Build the view of a webhook, without its secrets."""
    fields = webhook.model_dump(exclude={"secret", "former_secrets"})
    return WebhookView(**fields, previous_secret_expires_at=webhook.find_overlap_end(now()))


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Build the view of a delivery."""
    return DeliveryView(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        message_id=delivery.message_id,
        type=delivery.event_type,
        status=delivery.status,
        error_code=delivery.error_code,
        error_message=delivery.error_message,
        next_attempt_at=delivery.next_attempt_at if delivery.status is JobStatus.PENDING else None,
        attempts=[DeliveryAttempt.model_validate(attempt, from_attributes=True) for attempt in delivery.attempts],
        payload=orjson.loads(delivery.body),
        created_at=delivery.created_at,
        updated_at=delivery.updated_at,
    )
