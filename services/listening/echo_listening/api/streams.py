"""Endpoints for streams of playlists (`/playlists/{playlist_id}/timeline`, `…/stream` and its tickets)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response

from echo_common.audio.formats import FORMATS
from echo_common.auth.dependencies import Access, ListeningReader
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tickets import LIFETIME
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.errors.streams import PlaylistWithoutAudioError
from echo_common.contracts.errors.tickets import TicketInvalidError
from echo_common.contracts.http.streams import PlaylistTicketView, TimelineView
from echo_common.contracts.values import StreamFormat
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import LongRequest
from echo_common.http.streams import ClosingStream
from echo_listening.api.dependencies import Deps
from echo_listening.api.playlists import PlaylistId
from echo_listening.usecases import streams
from echo_listening.usecases.captions import find_captioned
from echo_listening.views.streams import timeline_view

_LONGEST_SECONDS: Final = 100_000_000
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_AUDIO_TYPES: Final = tuple(FORMATS[each.value].mime for each in StreamFormat)
_TIMELINE: Final[dict[str, Any]] = {
    "playlist_id": "playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC",
    "revision": 2,
    "duration": 12.5,
    "items": [
        {
            "item_id": "item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB",
            "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
            "name": "Speech 2026-01-31 10:00:00",
            "start": 0.0,
            "duration": 12.5,
            "captions": True,
        }
    ],
    "skipped": [
        {
            "item_id": "item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZD",
            "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZE",
            "name": "So What",
            "code": "TRACK_WITHOUT_AUDIO",
            "message": "The track has no audio here: it is metadata of Spotify, or its file is missing.",
        }
    ],
}

_TICKET: Final[dict[str, Any]] = {
    "ticket": "pT9…",
    "expires_in": LIFETIME,
    "stream_url": f"/api/v1/playlists/{_TIMELINE['playlist_id']}/stream?ticket=pT9…",
}

StreamPrincipal = Annotated[Principal | None, Depends(Access((Scope.LISTENING_READ,), ticket_param="ticket"))]

router = PublicRouter("playlists")


@router.endpoint("GET", "/playlists/{playlist_id}/timeline", errors=(PlaylistNotFoundError,), example=enveloped(_TIMELINE))
async def get_playlist_timeline(playlist_id: PlaylistId, principal: ListeningReader, deps: Deps) -> Success[TimelineView]:
    """Get the times of the tracks in the stream of a playlist, and the tracks that it skips."""
    playlist, timeline = await streams.find_timeline(playlist_id, principal, deps)
    return ok(timeline_view(playlist, timeline, await find_captioned(timeline.items, deps)))


@router.endpoint(
    "GET",
    "/playlists/{playlist_id}/stream",
    media=Media(
        "All tracks as one recording without gaps, 48 kHz stereo, chunked. `Echo-Skipped-Tracks` is the number of tracks that are "
        "skipped, which the timeline names.",
        _AUDIO_TYPES,
    ),
    long_request=LongRequest.STREAM,
    errors=(PlaylistNotFoundError, PlaylistWithoutAudioError, TicketInvalidError),
)
async def stream_playlist(
    playlist_id: PlaylistId,
    request: Request,
    principal: StreamPrincipal,
    deps: Deps,
    audio_format: Annotated[StreamFormat, Query(alias="format", description="Format of the stream.")] = StreamFormat.MP3,
    start: Annotated[float, Query(ge=0, le=_LONGEST_SECONDS, description="Start in the timeline, in seconds.")] = 0.0,
    ticket: Annotated[
        str | None, Query(max_length=200, description="A ticket for this stream, in place of an access token.")
    ] = None,
) -> Response:
    """Stream a playlist without gaps.

    Later changes of the playlist apply to the next stream. The connection breaks if storage fails meanwhile.
    """
    if principal is None:
        principal = await deps.tickets.redeem(ticket or "", request.app.state.verifier, playlist_id)
    stream = await streams.open_stream(playlist_id, principal, deps, audio_format=audio_format, start=start)
    headers = {**_HEADERS, "Echo-Skipped-Tracks": str(stream.skipped)}
    return ClosingStream(stream.body, source=stream.samples, media_type=stream.media_type, headers=headers)


@router.endpoint("POST", "/playlists/{playlist_id}/stream/ticket", errors=(PlaylistNotFoundError,), example=enveloped(_TICKET))
async def issue_playlist_ticket(playlist_id: PlaylistId, principal: ListeningReader, deps: Deps) -> Success[PlaylistTicketView]:
    """Create a ticket for one stream of a playlist by URL.

    It is valid for a minute and replaces the access token, which does not belong in a URL.
    """
    await streams.find_audible_playlist(playlist_id, principal, deps)
    ticket = await deps.tickets.issue(principal, playlist_id)
    url = f"/api/v1/playlists/{playlist_id}/stream?ticket={ticket}"
    return ok(PlaylistTicketView(ticket=ticket, expires_in=LIFETIME, stream_url=url))
