"""Use cases of exports of playlists to Spotify: queue, read and perform them."""

from functools import partial
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.errors.spotify import SpotifyNotLinkedError
from echo_common.contracts.http.spotify import ExportToSpotify
from echo_common.ids import new_id
from echo_common.work.port import Attempt, Result
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.spotify_exports import SpotifyExport
from echo_listening.usecases.playlists import find_playlist
from echo_listening.usecases.spotify import require_link, require_spotify
from echo_listening.usecases.spotify_access import with_access

PAGE: Final = 100
"""Tracks of a request, the most that Spotify accepts."""

_SCOPES: Final = {False: "playlist-modify-private", True: "playlist-modify-public"}


async def queue_export(playlist_id: str, request: ExportToSpotify, principal: Principal, deps: Dependencies) -> SpotifyExport:
    """Queue an export of a playlist. Raises `SpotifyNotConfiguredError`, `PlaylistNotFoundError`, `SpotifyNotLinkedError`."""
    require_spotify(deps)
    playlist = await find_playlist(playlist_id, principal, deps)
    link = await require_link(principal, deps)
    if _SCOPES[request.public] not in link.scopes:
        raise SpotifyNotLinkedError("The link does not permit exports; link again with POST /api/v1/spotify/link.")
    tracks = await deps.tracks.find_by_ids({item.track_id for item in playlist.items})
    in_order = [tracks[item.track_id] for item in playlist.items if item.track_id in tracks]
    export = SpotifyExport(
        id=new_id("export"),
        user_id=principal.user_id,
        playlist_id=playlist.id,
        name=request.name or playlist.name,
        description=playlist.description,
        public=request.public,
        spotify_track_ids=tuple(track.spotify_id for track in in_order if track.spotify_id is not None),
        left_out=tuple(dict.fromkeys(track.id for track in in_order if track.spotify_id is None)),
    )
    await deps.spotify_exports.add(export)
    deps.worker.wake()
    return export


async def find_export(export_id: str, principal: Principal, deps: Dependencies) -> SpotifyExport:
    """Return an export of the user. Raises `SpotifyNotConfiguredError`, `SpotifyExportNotFoundError`."""
    require_spotify(deps)
    return await deps.spotify_exports.get(export_id, user_id=principal.user_id)


async def perform_export(deps: Dependencies, task: SpotifyExport, attempt: Attempt) -> Result[SpotifyExport]:
    """Create a playlist at Spotify and add the tracks, from the one that an earlier attempt had reached.

    Spotify has no key of repeatable requests: if the process dies before it stores the id of the new playlist, an empty playlist
    remains there. Raises the errors of Spotify.
    """
    api, user_id, done = require_spotify(deps).api, task.user_id, 0
    spotify_id = task.spotify_id
    if spotify_id is None:
        create = partial(api.create_playlist, name=task.name, description=task.description, public=task.public)
        created = await with_access(user_id, deps, create)
        await deps.spotify_exports.update(task.id, lambda held: held.create_playlist(attempt.number, created))
        spotify_id = created
    else:  # the last page of an earlier attempt may have arrived
        page = await with_access(user_id, deps, partial(api.playlist_items, spotify_id=spotify_id, offset=0, limit=1))
        done = min(page.total, len(task.spotify_track_ids))
    while done < len(task.spotify_track_ids):
        some = task.spotify_track_ids[done : done + PAGE]
        await with_access(user_id, deps, partial(api.add_items, spotify_id=spotify_id, spotify_track_ids=some))
        done += len(some)
        await deps.spotify_exports.update(task.id, partial(SpotifyExport.advance, attempt=attempt.number, exported=done))
    await _name_playlist(task, spotify_id, deps)
    return Result(lambda held: held.complete_with(attempt.number, done))


async def _name_playlist(task: SpotifyExport, spotify_id: str, deps: Dependencies) -> None:
    """Store the id at Spotify in the playlist, if its owner has exported it and it has none."""

    def name(playlist: Playlist) -> None:
        if playlist.spotify_id is None:
            playlist.spotify_id = spotify_id

    try:
        await deps.playlists.change(task.playlist_id, name, creator_id=task.user_id)
    except PlaylistNotFoundError:  # another user's, or deleted meanwhile
        return
