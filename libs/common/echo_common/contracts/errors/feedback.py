"""Errors of feedback."""

from echo_common.errors import ConflictError, NotFoundError, ServiceUnavailableError


class AudioNotReadyError(ServiceUnavailableError):
    """The audio cannot be rated yet, because its event has not arrived; try again after the time in Retry-After."""

    code = "AUDIO_NOT_READY"


class RatingNotFoundError(NotFoundError):
    """Rating not found; list ratings with GET /api/v1/feedback."""

    code = "RATING_NOT_FOUND"


class DictionaryOfferNotFoundError(NotFoundError):
    """The rating offers no dictionary entry; rate words of one segment with the reason mispronounced."""

    code = "DICTIONARY_OFFER_NOT_FOUND"


class DictionaryOfferAcceptedError(ConflictError):
    """The offer was accepted with another pronunciation; rate the words again for another correction."""

    code = "DICTIONARY_OFFER_ACCEPTED"
