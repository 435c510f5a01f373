"""Endpoints for tracks (`/tracks`)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, Json

from echo_common.audio_files.formats import MEDIA_TYPES
from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.spotify import (
    SpotifyNotConfiguredError,
    SpotifyNotLinkedError,
    SpotifyTrackNotFoundError,
    SpotifyUnavailableError,
    SpotifyUserNotAllowedError,
)
from echo_common.contracts.errors.tracks import (
    TrackNotAudioError,
    TrackNotFoundError,
    TrackTooLongError,
    TrackWithoutAudioError,
)
from echo_common.contracts.http.spotify import AddSpotifyTrack
from echo_common.contracts.http.tracks import Artists, Genres, TrackPatch, TrackText, TrackView
from echo_common.contracts.values import Metric, TrackSource
from echo_common.errors import FileTooLargeError
from echo_common.http.endpoints import Form, Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.json_body import is_multipart, read_json_body
from echo_common.http.object_response import (
    PARTIAL_RESPONSES,
    ByteRange,
    IfNoneMatch,
    RangeNotSatisfiableError,
    object_response,
)
from echo_common.http.pagination import Page, paginated
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.http.upload import fields_of, name_of, received
from echo_listening.api.dependencies import Deps
from echo_listening.usecases import features, spotify_tracks, tracks, uploads
from echo_listening.views.tracks import track_view

TRACK_EXAMPLE: Final[dict[str, Any]] = {
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

_UPLOAD: Final = TRACK_EXAMPLE | {
    "source": "upload",
    "name": "Evening walk",
    "artists": ["Ada"],
    "genres": ["folk"],
    "duration": 214.613,
    "audio_id": None,
    "voice_id": None,
    "audio_url": "/api/v1/tracks/track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA/audio",
    "features_status": "pending",
}
_AUDIO_TYPES: Final = tuple(
    sorted(
        {*(kind for kind in MEDIA_TYPES if kind.startswith("audio/")), "audio/PCMU", "audio/basic", "audio/pcm", "audio/webm"}
    )
)
"""Media types of uploads and of generated speech."""
_AUDIO_ERRORS: Final = (TrackNotFoundError, TrackWithoutAudioError, RangeNotSatisfiableError)
_DELETED: Final = "The track is deleted."

TrackId = Annotated[str, Path(description="A track's id.", examples=[TRACK_EXAMPLE["id"]])]
PageQuery = Annotated[Page, Depends(paginated(*tracks.TRACK_ORDERS))]

router = PublicRouter("tracks")


class UploadFields(BaseModel):
    """Text fields of an uploaded track; the file's tags fill those that are absent."""

    model_config = ConfigDict(extra="forbid")

    name: TrackText | None = Field(None, description="Name; by default that in the tags, else the file's name.")
    artists: Json[Artists] | None = Field(None, description="JSON array of names.", examples=['["Ada"]'])
    album: TrackText | None = None
    genres: Json[Genres] | None = Field(None, description="JSON array, in lower case.", examples=['["folk"]'])


_FORM: Final = Form("file", UploadFields, json=AddSpotifyTrack)


@router.endpoint(
    "POST",
    "/tracks",
    status=201,
    form=_FORM,
    idempotent=True,
    errors=(
        FileTooLargeError,
        TrackNotAudioError,
        TrackTooLongError,
        QuotaExceededError,
        TooManyOpenError,
        SpotifyNotConfiguredError,
        SpotifyNotLinkedError,
        SpotifyTrackNotFoundError,
        SpotifyUserNotAllowedError,
        SpotifyUnavailableError,
    ),
    example=enveloped(_UPLOAD),
    daily_quota=Metric.UPLOADS,
)
async def upload_track(request: Request, principal: ListeningWriter, deps: Deps) -> Success[TrackView]:
    """Upload a track, or add one of Spotify.

    A file has your own music or speech: WAV, MP3, FLAC, AAC, Ogg, Opus, M4A or WebM, at most 50 MB and two hours. Its length is
    measured, and its features are computed in the background. A JSON body with a `spotify_id` adds the metadata of a track of
    Spotify, which needs a linked account; one that you have already is updated.
    """
    if not is_multipart(request):
        body = await read_json_body(request, AddSpotifyTrack)
        added = await spotify_tracks.add_spotify_track(body.spotify_id, principal, deps)
        return ok(track_view(added, (await features.find_statuses([added], deps))[added.id]))
    async with received(request, field=_FORM.file, limit=deps.settings.upload_bytes) as upload:
        fields = fields_of(upload, UploadFields).model_dump(exclude_none=True)
        track = await uploads.upload_track(upload.path, fields, name_of(upload), principal, deps)
    return ok(track_view(track, (await features.find_statuses([track], deps))[track.id]))


@router.endpoint("GET", "/tracks", example=enveloped([TRACK_EXAMPLE]))
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


@router.endpoint("GET", "/tracks/{track_id}", errors=(TrackNotFoundError,), example=enveloped(TRACK_EXAMPLE))
async def get_track(track_id: TrackId, principal: ListeningReader, deps: Deps) -> Success[TrackView]:
    """Get a track of yours, or one that is shared with you."""
    track = await tracks.find_audible(track_id, principal, deps)
    status = (await features.find_statuses([track], deps))[track_id]
    return ok(track_view(track, status, owned=track.user_id == principal.user_id))


@router.endpoint(
    "PATCH",
    "/tracks/{track_id}",
    idempotent=True,
    errors=(TrackNotFoundError,),
    example=enveloped(TRACK_EXAMPLE | {"genres": ["folk"]}),
)
async def change_track(track_id: TrackId, body: TrackPatch, principal: ListeningWriter, deps: Deps) -> Success[TrackView]:
    """Change the metadata of a track.

    Of a track of Spotify, only the genres can be changed.
    """
    track = await tracks.change_track(track_id, body, principal, deps)
    return ok(track_view(track, (await features.find_statuses([track], deps))[track_id]))


@router.endpoint(
    "DELETE",
    "/tracks/{track_id}",
    idempotent=True,
    errors=(TrackNotFoundError,),
    example=enveloped(None, message=_DELETED),
)
async def delete_track(track_id: TrackId, principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Delete a track.

    It is removed from all playlists. The audio of speech stays; delete it with `DELETE /tts/{synthesis_id}`.
    """
    await tracks.delete_track(track_id, principal, deps)
    return ok(None, message=_DELETED)


@router.endpoint(
    "HEAD",
    "/tracks/{track_id}/audio",
    name="describe_track_audio",
    summary="Get the headers of a track's audio",
    media=Media("Its size, type and ETag.", ()),
    other_responses=PARTIAL_RESPONSES,
    errors=_AUDIO_ERRORS,
)
@router.endpoint(
    "GET",
    "/tracks/{track_id}/audio",
    media=Media("The audio.", _AUDIO_TYPES),
    other_responses=PARTIAL_RESPONSES,
    errors=_AUDIO_ERRORS,
)
async def get_track_audio(
    track_id: TrackId,
    request: Request,
    principal: ListeningReader,
    deps: Deps,
    byte_range: ByteRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Get the audio of a track of yours, or of one that is shared with you.

    Supports ranges, ETags and conditional requests. A track of Spotify has none.
    """
    file, mime = await tracks.find_audio(track_id, principal, deps)
    return object_response(
        request,
        deps.objects,
        file.key,
        size=file.size,
        mime=mime,
        etag=file.checksum,
        download_as=None,
        immutable=False,  # a revision replaces speech, and sharing can end
    )
