"""Endpoints for accounts of Spotify (`/spotify`)."""

from html import escape
from typing import Annotated, Any, Final

from fastapi import Cookie, Depends, Path, Query, Request, Response

from echo_common.auth.dependencies import Access, ListeningReader, ListeningWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.challenges import LASTS
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.errors.spotify import (
    SpotifyAccountConflictError,
    SpotifyExportNotFoundError,
    SpotifyImportConflictError,
    SpotifyImportNotFoundError,
    SpotifyLinkDeniedError,
    SpotifyNotConfiguredError,
    SpotifyNotLinkedError,
    SpotifyStateInvalidError,
    SpotifyUnavailableError,
    SpotifyUserNotAllowedError,
)
from echo_common.contracts.http.spotify import (
    ExportToSpotify,
    ImportFromSpotify,
    SpotifyConsent,
    SpotifyExportView,
    SpotifyImportView,
    SpotifyLinkView,
    SpotifyPlaylistView,
)
from echo_common.errors import EchoError
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.languages import request_language
from echo_common.http.pagination import Page
from echo_common.messages.catalogue import message_of, text_of
from echo_listening.api.dependencies import Deps
from echo_listening.api.playlists import PlaylistId
from echo_listening.domain.spotify_imports import ImportedPart
from echo_listening.usecases import spotify, spotify_exports, spotify_imports
from echo_listening.views.spotify import export_view, import_view, link_view, playlist_view

_COOKIE: Final = "echo_spotify_state"
_COOKIE_PATH: Final = "/api/v1/spotify"
_LARGEST_PAGE: Final = 50

_CONSENT: Final = {"url": "https://accounts.spotify.com/authorize?client_id=…", "expires_at": "2026-01-31T10:10:00Z"}
_LINK: Final[dict[str, Any]] = {
    "linked": True,
    "spotify_user_id": "ada",
    "display_name": "Ada",
    "scopes": ["user-library-read", "user-top-read"],
    "linked_at": "2026-01-31T10:00:00Z",
    "status": "active",
}
_PLAYLIST: Final[dict[str, Any]] = {
    "spotify_id": "37i9dQZF1DXcBWIGoYBM5M",
    "name": "Evenings",
    "owner": "Ada",
    "total": 42,
    "cover_url": None,
}
_IMPORT: Final[dict[str, Any]] = {
    "id": "import_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "status": "completed",
    "imported": 117,
    "skipped": 3,
    "total": 120,
    "error": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:09Z",
}
_EXPORT: Final[dict[str, Any]] = {
    "id": "export_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "playlist_id": "playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC",
    "status": "completed",
    "spotify_id": _PLAYLIST["spotify_id"],
    "exported": 42,
    "total": 42,
    "left_out": ["track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA"],
    "error": None,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:09Z",
}
_LIBRARY_ERRORS: Final = (SpotifyNotConfiguredError, SpotifyNotLinkedError)

ImportId = Annotated[str, Path(description="An import's id.", examples=[_IMPORT["id"]])]
ExportId = Annotated[str, Path(description="An export's id.", examples=[_EXPORT["id"]])]
LoggedInListener = Annotated[Principal, Depends(Access((Scope.LISTENING_WRITE,), login=True))]

router = PublicRouter("spotify")


@router.endpoint("POST", "/spotify/link", errors=(SpotifyNotConfiguredError,), example=enveloped(_CONSENT))
async def start_spotify_link(principal: LoggedInListener, deps: Deps, response: Response) -> Success[SpotifyConsent]:
    """Start a link to an account of Spotify.

    Open the URL in the browser that sent this request: it keeps a cookie until Spotify sends it to `GET /spotify/callback`.
    """
    await forbid_storing(response)
    started = await spotify.start_link(principal, deps)
    response.set_cookie(
        _COOKIE,
        started.state,
        max_age=int(LASTS.total_seconds()),
        path=_COOKIE_PATH,
        secure=deps.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",  # Spotify's redirect back is a request from another site
    )
    return ok(SpotifyConsent(url=started.url, expires_at=started.expires_at))


@router.endpoint(
    "GET",
    "/spotify/callback",
    credentials=True,
    media=Media("Page that reports the link", ("text/html",)),
    errors=(
        SpotifyNotConfiguredError,
        SpotifyStateInvalidError,
        SpotifyLinkDeniedError,
        SpotifyAccountConflictError,
        SpotifyUserNotAllowedError,
        SpotifyUnavailableError,
    ),
    any_query=True,
)
async def finish_spotify_link(
    request: Request,
    deps: Deps,
    code: Annotated[str | None, Query(max_length=4096, description="Authorization code.")] = None,
    state: Annotated[str | None, Query(max_length=256, description="State of the link.")] = None,
    error: Annotated[str | None, Query(max_length=256, description="Reason why Spotify permits no link.")] = None,
    browser_state: Annotated[str | None, Cookie(alias=_COOKIE, include_in_schema=False)] = None,
) -> Response:
    """Finish a link to an account of Spotify.

    Spotify sends the browser here. Browsers get a page, also for errors; other clients get errors in the envelope.
    """
    try:
        await spotify.finish_link(code, state, error, browser_state, deps)
    except EchoError as refusal:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return _page(message_of(refusal, request_language()), refusal)
    page = _page(text_of("spotify.linked", request_language()))
    page.delete_cookie(_COOKIE, path=_COOKIE_PATH)
    return page


@router.endpoint("GET", "/spotify/link", errors=(SpotifyNotConfiguredError,), example=enveloped(_LINK))
async def get_spotify_link(principal: ListeningReader, deps: Deps) -> Success[SpotifyLinkView]:
    """Get the linked account of Spotify."""
    return ok(link_view(await spotify.find_link(principal, deps)))


@router.endpoint(
    "DELETE",
    "/spotify/link",
    idempotent=True,
    errors=(SpotifyNotConfiguredError,),
    example=enveloped(None, message="Spotify account unlinked."),
)
async def unlink_spotify_account(principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Unlink the account of Spotify.

    Its tokens, its id and its top artists are erased. Imported tracks stay as metadata.
    """
    await spotify.remove_link(principal, deps)
    return ok(None, message="Spotify account unlinked.")


@router.endpoint(
    "GET",
    "/spotify/playlists",
    errors=(*_LIBRARY_ERRORS, SpotifyUserNotAllowedError, SpotifyUnavailableError),
    example=enveloped([_PLAYLIST]),
)
async def list_spotify_playlists(
    principal: ListeningReader,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE, description="Maximum number of items.")] = 20,
    offset: Annotated[int, Query(ge=0, le=100_000, description="Number of items to skip.")] = 0,
    page: Annotated[int | None, Query(ge=1, le=2_000, description="Page number, from 1; instead of `offset`.")] = None,
) -> Success[list[SpotifyPlaylistView]]:
    """List the playlists at Spotify."""
    part = Page(limit=limit, offset=(page - 1) * limit if page else offset, sort_by="", sort_order="asc")
    found = await spotify.list_playlists(principal, part.offset, part.limit, deps)
    return ok([playlist_view(item) for item in found.items if item is not None], meta=part.meta(found.total))


@router.endpoint(
    "POST",
    "/spotify/imports",
    status=202,
    idempotent=True,
    errors=(*_LIBRARY_ERRORS, SpotifyImportConflictError),
    example=enveloped({**_IMPORT, "status": "pending", "imported": 0, "skipped": 0, "total": None}),
)
async def start_spotify_import(body: ImportFromSpotify, principal: ListeningWriter, deps: Deps) -> Success[SpotifyImportView]:
    """Import playlists, saved tracks and top artists from Spotify.

    Tracks have metadata alone. A track or playlist that was imported before is updated. One import runs at a time.
    """
    parts = [part for part in ImportedPart if getattr(body, part.value)]
    return ok(import_view(await spotify_imports.queue_import(body.playlists, parts, principal, deps)))


@router.endpoint(
    "GET",
    "/spotify/imports/{import_id}",
    errors=(SpotifyNotConfiguredError, SpotifyImportNotFoundError),
    example=enveloped(_IMPORT),
)
async def get_spotify_import(import_id: ImportId, principal: ListeningReader, deps: Deps) -> Success[SpotifyImportView]:
    """Get an import from Spotify."""
    return ok(import_view(await spotify_imports.find_import(import_id, principal, deps)))


@router.endpoint(
    "POST",
    "/playlists/{playlist_id}/spotify-export",
    status=202,
    idempotent=True,
    errors=(*_LIBRARY_ERRORS, PlaylistNotFoundError),
    example=enveloped({**_EXPORT, "status": "pending", "spotify_id": None, "exported": 0}),
)
async def start_spotify_export(
    playlist_id: PlaylistId, body: ExportToSpotify, principal: ListeningWriter, deps: Deps
) -> Success[SpotifyExportView]:
    """Export a playlist to Spotify.

    A new playlist is created there. Tracks that are not of Spotify are left out, and named.
    """
    return ok(export_view(await spotify_exports.queue_export(playlist_id, body, principal, deps)))


@router.endpoint(
    "GET",
    "/spotify/exports/{export_id}",
    errors=(SpotifyNotConfiguredError, SpotifyExportNotFoundError),
    example=enveloped(_EXPORT),
)
async def get_spotify_export(export_id: ExportId, principal: ListeningReader, deps: Deps) -> Success[SpotifyExportView]:
    """Get an export to Spotify."""
    return ok(export_view(await spotify_exports.find_export(export_id, principal, deps)))


def _page(text: str, error: EchoError | None = None) -> Response:
    """Return a page with a text. It loads nothing, and sends no address with the code and the state to others."""
    content = (
        f'<!doctype html><html lang="{request_language()}"><meta charset="utf-8"><title>Spotify</title><p>{escape(text)}</p>'
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        **(error.headers if error is not None else {}),
    }
    return Response(content, 200 if error is None else error.status, headers, media_type="text/html")
