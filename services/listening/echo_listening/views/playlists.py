"""Views of playlists."""

from echo_common.contracts.http.playlists import (
    CollaboratorView,
    PlaylistSummary,
    PlaylistUpdateView,
    PlaylistView,
)
from echo_common.contracts.values import PlaylistRole
from echo_listening.domain.playlists import Playlist, PlaylistUpdate


def playlist_summary(playlist: Playlist, user_id: str) -> PlaylistSummary:
    """Build the view of a playlist without its items, for a user who owns it or collaborates on it."""
    fields = playlist.model_dump(include=PlaylistSummary.model_fields.keys() - {"role"})
    return PlaylistSummary(**fields, role=playlist.role_of(user_id) or PlaylistRole.VIEWER)


def playlist_view(playlist: Playlist, user_id: str, duration: float) -> PlaylistView:
    """Build the view of a playlist, for a user who owns it or collaborates on it."""
    fields = playlist.model_dump(include={"items", "collaborators"})
    return PlaylistView(**dict(playlist_summary(playlist, user_id)), **fields, duration=round(duration, 3))


def collaborator_views(playlist: Playlist) -> list[CollaboratorView]:
    """Build the views of the collaborators of a playlist."""
    return [CollaboratorView(**each.model_dump()) for each in playlist.collaborators]


def playlist_update_view(update: PlaylistUpdate) -> PlaylistUpdateView:
    """Build the view of an update."""
    return PlaylistUpdateView(**update.model_dump(include=set(PlaylistUpdateView.model_fields)))
