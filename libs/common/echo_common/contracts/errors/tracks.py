"""Errors of tracks."""

from echo_common.errors import NotFoundError


class TrackNotFoundError(NotFoundError):
    """Track not found; list tracks with GET /api/v1/tracks."""

    code = "TRACK_NOT_FOUND"
