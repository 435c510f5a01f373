"""Errors of Spotify."""

from echo_common.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthenticatedError,
)


class SpotifyNotConfiguredError(ServiceUnavailableError):
    """Spotify is not configured here; the operator sets ECHO_LISTENING_SPOTIFY_CLIENT_ID."""

    code = "SPOTIFY_NOT_CONFIGURED"


class SpotifyUnavailableError(ServiceUnavailableError):
    """Spotify is not reachable or limits its requests; try again after the time in Retry-After."""

    code = "SPOTIFY_UNAVAILABLE"


class SpotifyStateInvalidError(BadRequestError):
    """The link to Spotify was not started here, is older than ten minutes or was used; start again with POST /api/v1/spotify/link."""

    code = "SPOTIFY_STATE_INVALID"


class SpotifyLinkDeniedError(BadRequestError):
    """Spotify has not permitted the link; start again with POST /api/v1/spotify/link."""

    code = "SPOTIFY_LINK_DENIED"


class SpotifyNotLinkedError(ConflictError):
    """No account of Spotify is linked, or the link has expired; link one with POST /api/v1/spotify/link."""

    code = "SPOTIFY_NOT_LINKED"


class SpotifyAccountConflictError(ConflictError):
    """This account of Spotify is linked to another user; unlink it there first."""

    code = "SPOTIFY_ACCOUNT_CONFLICT"


class SpotifyUserNotAllowedError(ForbiddenError):
    """Spotify does not permit this user: an app in development mode has five users, which its owner names."""

    code = "SPOTIFY_USER_NOT_ALLOWED"


class SpotifyImportNotFoundError(NotFoundError):
    """Import not found; start one with POST /api/v1/spotify/imports."""

    code = "SPOTIFY_IMPORT_NOT_FOUND"


class SpotifyImportConflictError(ConflictError):
    """An import from Spotify is not finished yet; wait for its end."""

    code = "SPOTIFY_IMPORT_CONFLICT"


class SpotifyLoginNotConfiguredError(NotFoundError):
    """Logins with Spotify are not configured; log in with POST /api/v1/auth/login."""

    code = "SPOTIFY_LOGIN_NOT_FOUND"


class SpotifyLoginFailedError(UnauthenticatedError):
    """The login with Spotify failed or has expired; start again with GET /api/v1/auth/spotify/login."""

    code = "SPOTIFY_LOGIN_FAILED"


class SpotifyAccountRefusedError(ForbiddenError):
    """No user here logs in with this account of Spotify; log in and link it with POST /api/v1/auth/spotify/link."""

    code = "SPOTIFY_ACCOUNT_REFUSED"


class SpotifyTrackNotFoundError(NotFoundError):
    """Spotify has no such track; send the 22 characters after `spotify:track:` in its URI."""

    code = "SPOTIFY_TRACK_NOT_FOUND"


class SpotifyExportNotFoundError(NotFoundError):
    """Export not found; start one with POST /api/v1/playlists/{playlist_id}/spotify-export."""

    code = "SPOTIFY_EXPORT_NOT_FOUND"
