"""Views of Spotify."""

from echo_common.contracts.http.spotify import (
    SpotifyExportView,
    SpotifyImportView,
    SpotifyLinkView,
    SpotifyPlaylistView,
    SpotifyTransferError,
)
from echo_listening.domain.spotify import SpotifyLink
from echo_listening.domain.spotify_exports import SpotifyExport
from echo_listening.domain.spotify_imports import SpotifyImport
from echo_listening.domain.spotify_transfers import SpotifyTransfer
from echo_listening.spotify_api import SpotifyPlaylist


def link_view(link: SpotifyLink | None) -> SpotifyLinkView:
    """Build the view of a link, or of none."""
    if link is None:
        return SpotifyLinkView(linked=False)
    return SpotifyLinkView(
        linked=True,
        spotify_user_id=link.spotify_user_id,
        display_name=link.display_name,
        scopes=list(link.scopes),
        linked_at=link.linked_at,
        status=link.status,
    )


def playlist_view(playlist: SpotifyPlaylist) -> SpotifyPlaylistView:
    """Build the view of a playlist at Spotify."""
    return SpotifyPlaylistView(
        spotify_id=playlist.spotify_id,
        name=playlist.name,
        owner=playlist.owner,
        total=playlist.total,
        cover_url=playlist.cover_url,
    )


def import_view(found: SpotifyImport) -> SpotifyImportView:
    """Build the view of an import."""
    fields = found.model_dump(include={"id", "status", "imported", "skipped", "total", "created_at", "updated_at"})
    return SpotifyImportView(**fields, error=_error(found))


def export_view(found: SpotifyExport) -> SpotifyExportView:
    """Build the view of an export."""
    fields = found.model_dump(include=SpotifyExportView.model_fields.keys() - {"total", "error"})
    return SpotifyExportView(**fields, total=len(found.spotify_track_ids), error=_error(found))


def _error(found: SpotifyTransfer) -> SpotifyTransferError | None:
    code = found.error_code
    return None if code is None else SpotifyTransferError(code=code, message=found.error_message or "")
