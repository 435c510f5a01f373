"""Parameters of endpoints."""

from typing import Annotated

from fastapi import Path, Query

from echo_common.contracts.http.feedback import RatingReason
from echo_common.http.time_range import TimeRangeQuery
from echo_common.http.validation import invalid
from echo_feedback.api import examples
from echo_feedback.usecases.ratings import RatingFilter

RatingId = Annotated[str, Path(max_length=64, description="A rating's id.", examples=[examples.RATING["id"]])]
AudioId = Annotated[str, Path(max_length=64, description="An audio's id.", examples=[examples.RATING["audio_id"]])]

WebhookId = Annotated[str, Path(max_length=64, description="A webhook's id.", examples=[examples.WEBHOOK["id"]])]
DeliveryId = Annotated[str, Path(max_length=64, description="A delivery's id.", examples=[examples.DELIVERY["id"]])]


async def parse_rating_filter(
    time: TimeRangeQuery,
    audio_id: Annotated[str | None, Query(max_length=64, description="Filter by audio.")] = None,
    voice_id: Annotated[str | None, Query(max_length=64, description="Filter by voice.")] = None,
    engine: Annotated[str | None, Query(max_length=40, description="Filter by engine.")] = None,
    reason: Annotated[RatingReason | None, Query(description="Filter by reason.")] = None,
    min_rating: Annotated[int, Query(ge=1, le=5, description="Filter by rating: at least.")] = 1,
    max_rating: Annotated[int, Query(ge=1, le=5, description="Filter by rating: at most.")] = 5,
) -> RatingFilter:
    """Return the filter of a list of ratings, of all users. Raises `ValidationError` if no rating can match."""
    if min_rating > max_rating:
        raise invalid([{"field": "max_rating", "message": "Enter a number of at least min_rating."}])
    return RatingFilter(
        audio_id=audio_id,
        voice_id=voice_id,
        engine=engine,
        reason=reason,
        min_rating=min_rating,
        max_rating=max_rating,
        time=time,
    )
