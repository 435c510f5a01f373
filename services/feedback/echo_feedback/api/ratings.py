"""Endpoints for ratings."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import SpeechReader, SpeechWriter, Token
from echo_common.contracts.errors.feedback import (
    AudioNotReadyError,
    DictionaryOfferAcceptedError,
    DictionaryOfferNotFoundError,
    RatingNotFoundError,
)
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    AudioNotFoundError,
    DictionaryFullError,
    JobStateConflictError,
    SegmentChangedError,
    SegmentNotFoundError,
    SegmentsNotKeptError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.feedback import AcceptDictionaryOffer, RatingRequest, RatingSummary, RatingView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.api.parameters import AudioId, RatingId, parse_rating_filter
from echo_feedback.usecases import offers, ratings
from echo_feedback.usecases.ratings import RATING_ORDERS, RatingFilter

PageQuery = Annotated[Page, Depends(paginated(*RATING_ORDERS))]

router = PublicRouter("feedback")


@router.endpoint(
    "POST",
    "/feedback",
    status=201,
    idempotent=True,
    errors=(AudioNotFoundError, AudioNotReadyError),
    example=enveloped(examples.RATING),
)
async def rate_audio(body: RatingRequest, principal: SpeechWriter, token: Token, deps: Deps) -> Success[RatingView]:
    """Rate an audio.

    A user has one rating of an audio: a newer one replaces it. It may be about a range of the audio, in seconds or in words. With
    the reason `mispronounced`, a range within a segment and the scope `speech:read`, it offers a dictionary entry.
    """
    return ok(views.rating_view(await ratings.rate_audio(body, principal, token, deps)))


@router.endpoint(
    "POST",
    "/feedback/{rating_id}/dictionary-entry",
    status=202,
    idempotent=True,
    errors=(
        RatingNotFoundError,
        DictionaryOfferNotFoundError,
        DictionaryOfferAcceptedError,
        AudioNotFoundError,
        SegmentNotFoundError,
        SegmentChangedError,
        SegmentsNotKeptError,
        JobStateConflictError,
        VoiceNotFoundError,
        DictionaryFullError,
        QuotaExceededError,
        *PLANNING,
    ),
    example=enveloped(examples.ACCEPTED_RATING),
)
async def accept_dictionary_offer(
    rating_id: RatingId, body: AcceptDictionaryOffer, principal: SpeechWriter, token: Token, deps: Deps
) -> Success[RatingView]:
    """Add the offered words to the dictionary and speak their segment again.

    The pronunciation is added to the user's dictionary, and the job in the response makes another revision of the audio. A repeated
    request returns the same job.
    """
    return ok(views.rating_view(await offers.accept_offer(rating_id, body, principal, token, deps)))


@router.endpoint("GET", "/feedback", example=enveloped([examples.RATING]))
async def list_ratings(
    principal: SpeechReader, deps: Deps, page: PageQuery, wanted: Annotated[RatingFilter, Depends(parse_rating_filter)]
) -> Success[list[RatingView]]:
    """List the user's ratings, newest first."""
    found, total = await ratings.list_ratings(replace(wanted, user_id=principal.user_id), page, deps)
    return ok([views.rating_view(rating) for rating in found], meta=page.meta(total))


@router.endpoint("GET", "/feedback/{rating_id}", errors=(RatingNotFoundError,), example=enveloped(examples.RATING))
async def get_rating(rating_id: RatingId, principal: SpeechReader, deps: Deps) -> Success[RatingView]:
    """Get a rating."""
    return ok(views.rating_view(await ratings.find_rating(rating_id, principal, deps)))


@router.endpoint(
    "DELETE",
    "/feedback/{rating_id}",
    idempotent=True,
    errors=(RatingNotFoundError,),
    example=enveloped(None, message="The rating is deleted."),
)
async def delete_rating(rating_id: RatingId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a rating."""
    await ratings.delete_rating(rating_id, principal, deps)
    return ok(None, message="The rating is deleted.")


@router.endpoint(
    "GET",
    "/feedback/audio/{audio_id}/summary",
    errors=(AudioNotFoundError, AudioNotReadyError),
    example=enveloped(examples.SUMMARY),
)
async def get_rating_summary(audio_id: AudioId, principal: SpeechReader, deps: Deps) -> Success[RatingSummary]:
    """Get the ratings of an audio in numbers."""
    return ok(views.rating_summary(audio_id, await ratings.summarize_audio(audio_id, principal, deps)))
