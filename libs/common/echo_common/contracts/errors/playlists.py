"""Errors of playlists."""

from echo_common.errors import ConflictError, ForbiddenError, NotFoundError


class PlaylistNotFoundError(NotFoundError):
    """Playlist not found; list playlists with GET /api/v1/playlists."""

    code = "PLAYLIST_NOT_FOUND"


class PlaylistRevisionNotFoundError(NotFoundError):
    """The state of this revision is not kept; list updates with GET /api/v1/playlists/{playlist_id}/updates."""

    code = "PLAYLIST_REVISION_NOT_FOUND"


class PlaylistRoleRequiredError(ForbiddenError):
    """Your role in the playlist does not permit this; ask its owner."""

    code = "PLAYLIST_ROLE_REQUIRED"


class PlaylistChangedError(ConflictError):
    """The playlist has another revision; the details are its current state. Repeat the change on it."""

    code = "PLAYLIST_CHANGED"


class PlaylistFullError(ConflictError):
    """The playlist has reached its limit of tracks or collaborators; remove some."""

    code = "PLAYLIST_FULL"


class TooManyPlaylistsError(ConflictError):
    """The number of playlists has reached its limit; delete playlists that are no longer needed."""

    code = "PLAYLIST_LIMIT_CONFLICT"
