"""Errors of feedback."""

from echo_common.errors import NotFoundError


class RatingNotFoundError(NotFoundError):
    """Rating not found; list ratings with GET /api/v1/feedback."""

    code = "RATING_NOT_FOUND"
