"""Endpoints for tracks (`/tracks`)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query

from echo_common.auth.dependencies import ListeningReader
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.tracks import TrackView
from echo_common.contracts.values import TrackSource
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_listening.api.dependencies import Deps
from echo_listening.usecases import features, tracks
from echo_listening.views.tracks import track_view

_TRACK: Final[dict[str, Any]] = {
    "id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "source": "speech",
    "name": "Speech 2026-01-31 10:00:00",
    "artists": [],
    "album": None,
    "genres": [],
    "popularity": None,
    "duration": 12.5,
    "spotify_id": None,
    "cover_url": None,
    "audio_id": "aud_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "voice_id": "af_heart",
    "audio_url": "/api/v1/files/audio/aud_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "features_status": "complete",
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}

TrackId = Annotated[str, Path(description="A track's id.", examples=[_TRACK["id"]])]
PageQuery = Annotated[Page, Depends(paginated(*tracks.TRACK_ORDERS))]

router = PublicRouter("tracks")


@router.endpoint("GET", "/tracks", example=enveloped([_TRACK]))
async def list_tracks(
    principal: ListeningReader,
    deps: Deps,
    page: PageQuery,
    source: Annotated[TrackSource | None, Query(description="Filter by source.")] = None,
    artist: Annotated[str | None, Query(min_length=1, max_length=200, description="Filter by the name of an artist.")] = None,
    search: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Search in the names, case-insensitively.")
    ] = None,
) -> Success[list[TrackView]]:
    """List tracks, newest first.

    Each stored audio is a track of its user, a moment after it was generated.
    """
    found, total = await tracks.list_tracks(principal, page, deps, source=source, artist=artist, search=search)
    statuses = await features.find_statuses(found, deps)
    return ok([track_view(track, statuses[track.id]) for track in found], meta=page.meta(total))


@router.endpoint("GET", "/tracks/{track_id}", errors=(TrackNotFoundError,), example=enveloped(_TRACK))
async def get_track(track_id: TrackId, principal: ListeningReader, deps: Deps) -> Success[TrackView]:
    """Get a track."""
    track = await tracks.find_track(track_id, principal, deps)
    return ok(track_view(track, (await features.find_statuses([track], deps))[track_id]))
