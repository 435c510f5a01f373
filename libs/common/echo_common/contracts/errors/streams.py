"""Errors of streams of playlists."""

from echo_common.errors import ConflictError


class PlaylistWithoutAudioError(ConflictError):
    """The playlist has no track with audio here; its timeline names the reasons."""

    code = "PLAYLIST_WITHOUT_AUDIO"
