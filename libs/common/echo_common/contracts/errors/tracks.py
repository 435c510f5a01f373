"""Errors of tracks."""

from echo_common.errors import ConflictError, EchoError, NotFoundError


class TrackNotFoundError(NotFoundError):
    """Track not found; list tracks with GET /api/v1/tracks."""

    code = "TRACK_NOT_FOUND"


class TrackWithoutAudioError(ConflictError):
    """The track has no audio here: it is metadata of Spotify, or its file is missing."""

    code = "TRACK_WITHOUT_AUDIO"


class TrackNotAudioError(EchoError):
    """The file is not audio that can be decoded. Send WAV, MP3, FLAC, AAC, Ogg, Opus, M4A or WebM."""

    code = "TRACK_NOT_AUDIO"
    status = 422


class TrackTooLongError(EchoError):
    """The track is too long; send a part of it."""

    code = "TRACK_TOO_LONG"
    status = 422
