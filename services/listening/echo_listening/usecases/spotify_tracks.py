"""Use cases of tracks of Spotify: add one, and store those of an import."""

from collections.abc import Sequence
from functools import partial

from echo_common.auth.principal import Principal
from echo_common.ids import new_id
from echo_listening.dependencies import Dependencies
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.tracks import Track
from echo_listening.usecases.spotify import require_spotify
from echo_listening.usecases.spotify_access import with_access


async def add_spotify_track(spotify_id: str, principal: Principal, deps: Dependencies) -> Track:
    """Add a track of Spotify to the user's tracks, or update the one that the user has.

    Raises `SpotifyNotConfiguredError`, `SpotifyNotLinkedError`, `SpotifyTrackNotFoundError`, `SpotifyUserNotAllowedError`,
    `SpotifyUnavailableError`.
    """
    read = partial(require_spotify(deps).api.track, spotify_id=spotify_id)
    metadata = await with_access(principal.user_id, deps, read)
    [track_id] = await store_tracks([metadata], principal.user_id, deps)
    return await deps.tracks.get(track_id, user_id=principal.user_id)


async def store_tracks(found: Sequence[SpotifyTrack], user_id: str, deps: Dependencies) -> list[str]:
    """Store tracks of a user, or use their present metadata; idempotent. Return their ids in order."""
    stored = {"user_id": user_id, "spotify_id": {"$in": [track.spotify_id for track in found]}}
    known = {track.spotify_id: track async for track in deps.tracks.find(stored)}
    for metadata in found:
        track = known.get(metadata.spotify_id)
        if track is None:
            await deps.tracks.add_once(Track.of_spotify(new_id("track"), user_id, metadata))
        elif not track.has_metadata(metadata):
            await deps.tracks.amend(track, partial(Track.replace_metadata, metadata=metadata))
    ids = {track.spotify_id: track.id async for track in deps.tracks.find(stored)}
    return [ids[track.spotify_id] for track in found if track.spotify_id in ids]
