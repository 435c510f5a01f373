"""Errors of tracks."""

from echo_common.errors import ConflictError, NotFoundError


class TrackNotFoundError(NotFoundError):
    """Track not found; list tracks with GET /api/v1/tracks."""

    code = "TRACK_NOT_FOUND"


class TrackWithoutAudioError(ConflictError):
    """The track has no audio here: it is metadata of Spotify, or its file is missing."""

    code = "TRACK_WITHOUT_AUDIO"
