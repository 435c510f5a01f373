"""Use cases of the dictionary entries that ratings of mispronounced words offer."""

import hashlib
from contextlib import suppress

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.feedback import RatingNotFoundError
from echo_common.contracts.http.feedback import AcceptDictionaryOffer, RatingReason
from echo_common.errors import EchoError, refuse
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.offers import Correction, DictionaryOffer
from echo_feedback.domain.ratings import Opinion, Rating


async def find_offer(audio_id: str, opinion: Opinion, token: str, deps: Dependencies) -> DictionaryOffer | None:
    """Return the offer for an opinion; None unless it is about the pronunciation of a range whose words are found in time."""
    has_range = opinion.start_word is not None or opinion.start_time is not None
    if opinion.reason is not RatingReason.MISPRONOUNCED or not has_range:
        return None
    return await deps.speech.find_offer(audio_id, opinion, token)


async def accept_offer(
    rating_id: str, body: AcceptDictionaryOffer, principal: Principal, token: str, deps: Dependencies
) -> Rating:
    """Add the offered entry to the user's dictionary, have its segment spoken again, and return the rating; idempotent.

    The offer is claimed first, so that of concurrent corrections one is carried out. After a crash the same request continues it:
    the synthesis service knows its key.

    Raises `ValidationError`, `RatingNotFoundError`, `DictionaryOfferNotFoundError`, `DictionaryOfferAcceptedError` and the errors of
    `Speech.correct`.
    """
    if body.respelling is None and body.ipa is None:
        refuse("respelling", "Give a respelling, the pronunciation in IPA, or both.")
    correction = Correction.model_validate(body, from_attributes=True)
    mine = {"user_id": principal.user_id}
    rating = await deps.ratings.update(rating_id, lambda held: held.accept_offer(correction, now()), **mine)
    offer = rating.offer
    if offer is None or offer.acceptance is None or rating.audio_id is None:
        raise AssertionError("claimed offers have an audio")
    if offer.acceptance.job_id is not None:
        return rating
    try:
        job_id = await deps.speech.correct(rating.audio_id, offer, correction, _key_of(rating, correction), token)
    except EchoError as error:
        if error.status < 500:  # otherwise the job may be queued: the claim stays for the same correction
            with suppress(RatingNotFoundError):  # deleted meanwhile
                await deps.ratings.update(rating_id, lambda held: held.finish_acceptance(correction, None), **mine)
        raise
    return await deps.ratings.update(rating_id, lambda held: held.finish_acceptance(correction, job_id), **mine)


def _key_of(rating: Rating, correction: Correction) -> str:
    """Return the idempotency key of a correction of this revision of a rating."""
    digest = hashlib.sha256(correction.model_dump_json().encode()).hexdigest()[:32]
    return f"{rating.id}-{rating.revision}-{digest}"
