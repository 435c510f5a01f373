"""Event handlers of group sessions; those of tracks and playlists have changed these before."""

from echo_common.contracts.events.listening import (
    GroupSessionChanged,
    GroupSessionEnded,
    GroupSessionReaction,
    GroupSessionStarted,
    PlaylistDeleted,
    PlaylistUpdated,
)
from echo_common.contracts.events.synthesis import AudioRevised
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import Track
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import group_sessions


async def follow_playlist(event: PlaylistUpdated, dependencies: Dependencies) -> None:
    """Play the present state of the playlist."""
    await group_sessions.follow_playlist(event.playlist_id, dependencies)


async def follow_revision(event: AudioRevised, dependencies: Dependencies) -> None:
    """Play the present revision of the audio, whose duration may differ."""
    track_id = Track.id_of_speech(event.audio_id)
    where = {"active": True, "items.track_id": track_id}
    for playlist_id in [found.playlist_id async for found in dependencies.group_sessions.find(where, without=("items",))]:
        await group_sessions.follow_playlist(playlist_id, dependencies)


async def end_session(event: PlaylistDeleted, dependencies: Dependencies) -> None:
    """End the session of a deleted playlist."""
    await group_sessions.end_of_playlist(event.playlist_id, dependencies)


async def name_session(event: GroupSessionStarted | GroupSessionEnded, dependencies: Dependencies) -> None:
    """Write the active session of the playlist into it."""
    await group_sessions.name_session_of_playlist(event.playlist_id, dependencies)
    if isinstance(event, GroupSessionEnded):
        await dependencies.presence.remove(event.session_id)


async def send_change(event: GroupSessionChanged, dependencies: Dependencies) -> None:
    """Send a change to the connections of this replica."""
    await dependencies.live_sessions.refresh(event.session_id)


async def send_reaction(event: GroupSessionReaction, dependencies: Dependencies) -> None:
    """Send a reaction to the connections of this replica."""
    await dependencies.live_sessions.send_reaction(event)


HANDLERS: Handlers = {
    PlaylistUpdated: follow_playlist,
    PlaylistDeleted: end_session,
    AudioRevised: follow_revision,
    GroupSessionStarted: name_session,
    GroupSessionEnded: name_session,
}
TRANSIENT_HANDLERS: Handlers = {GroupSessionChanged: send_change, GroupSessionReaction: send_reaction}
