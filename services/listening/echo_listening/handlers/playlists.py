"""Event handlers of playlists."""

from echo_common.contracts.events.listening import PlaylistDeleted, TrackDeleted
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import playlists


async def remove_track(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove a deleted track from all playlists."""
    await playlists.remove_tracks([event.track_id], dependencies)


async def remove_updates(event: PlaylistDeleted, dependencies: Dependencies) -> None:
    """Remove the updates of a deleted playlist, which a crash may have left."""
    await dependencies.playlist_updates.remove_all(event.playlist_id)


HANDLERS: Handlers = {TrackDeleted: remove_track, PlaylistDeleted: remove_updates}
