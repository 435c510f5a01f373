"""Endpoints for playlists (`/playlists`)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Response

from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import UserNotFoundError
from echo_common.contracts.errors.playlists import (
    PlaylistChangedError,
    PlaylistFullError,
    PlaylistNotFoundError,
    PlaylistRevisionNotFoundError,
    PlaylistRoleRequiredError,
    TooManyPlaylistsError,
)
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.playlists import (
    AddItems,
    CollaboratorView,
    CreatePlaylist,
    MoveItem,
    PlaylistPatch,
    PlaylistSummary,
    PlaylistUpdateView,
    PlaylistView,
    RemoveItems,
    ReorderItems,
    RestorePlaylist,
    SetCollaborator,
)
from echo_common.contracts.values import PlaylistRole
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_listening.api.dependencies import Deps
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist
from echo_listening.usecases import collaborators, playlists
from echo_listening.views.playlists import collaborator_views, playlist_summary, playlist_update_view, playlist_view

_OWNER: Final = "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J"
_COLLABORATOR: Final[dict[str, Any]] = {"user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6K", "role": "editor"}
_SUMMARY: Final[dict[str, Any]] = {
    "id": "playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC",
    "name": "Evening",
    "description": None,
    "creator_id": _OWNER,
    "role": "owner",
    "session_id": None,
    "spotify_id": None,
    "track_count": 1,
    "revision": 2,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:05:00Z",
}
_PLAYLIST: Final[dict[str, Any]] = _SUMMARY | {
    "items": [
        {
            "item_id": "item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB",
            "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
            "added_by": _OWNER,
            "added_at": "2026-01-31T10:05:00Z",
        }
    ],
    "collaborators": [_COLLABORATOR],
    "duration": 12.5,
}
_UPDATE: Final[dict[str, Any]] = {
    "id": "playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC-2",
    "playlist_id": _SUMMARY["id"],
    "revision": 2,
    "type": "add",
    "track_ids": ["track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA"],
    "user_id": _OWNER,
    "timestamp": "2026-01-31T10:05:00Z",
    "restorable": True,
}
_DELETED: Final = "The playlist is deleted."
_REMOVED: Final = "The collaborator is removed."
_EDIT_ERRORS: Final = (PlaylistNotFoundError, PlaylistRoleRequiredError, PlaylistChangedError)
_OWNER_ERRORS: Final = (PlaylistNotFoundError, PlaylistRoleRequiredError)

PlaylistId = Annotated[str, Path(description="A playlist's id.", examples=[_SUMMARY["id"]])]
CollaboratorId = Annotated[
    str, Path(description="A user's id.", min_length=1, max_length=64, examples=[_COLLABORATOR["user_id"]])
]
PageQuery = Annotated[Page, Depends(paginated(*playlists.PLAYLIST_ORDERS))]
RevisionPage = Annotated[Page, Depends(paginated("revision", default="revision"))]

router = PublicRouter("playlists")


@router.endpoint(
    "POST",
    "/playlists",
    status=201,
    idempotent=True,
    errors=(TrackNotFoundError, PlaylistFullError, TooManyPlaylistsError),
    example=enveloped(_PLAYLIST),
)
async def create_playlist(
    body: CreatePlaylist, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Create a playlist, also with tracks."""
    return await _one(await playlists.create_playlist(body, principal, deps), principal, deps, response)


@router.endpoint("GET", "/playlists", example=enveloped([_SUMMARY]))
async def list_playlists(
    principal: ListeningReader,
    deps: Deps,
    page: PageQuery,
    role: Annotated[PlaylistRole | None, Query(description="Filter by your role.")] = None,
    search: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Search in the names, case-insensitively.")
    ] = None,
) -> Success[list[PlaylistSummary]]:
    """List playlists that you own or collaborate on, newest first, without their items."""
    found, total = await playlists.list_playlists(principal, page, deps, role=role, search=search)
    return ok([playlist_summary(playlist, principal.user_id) for playlist in found], meta=page.meta(total))


@router.endpoint("GET", "/playlists/{playlist_id}", errors=(PlaylistNotFoundError,), example=enveloped(_PLAYLIST))
async def get_playlist(
    playlist_id: PlaylistId, principal: ListeningReader, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Get a playlist with its items.

    Its revision is the ETag of the response.
    """
    return await _one(await playlists.find_playlist(playlist_id, principal, deps), principal, deps, response)


@router.endpoint("PATCH", "/playlists/{playlist_id}", idempotent=True, errors=_EDIT_ERRORS, example=enveloped(_PLAYLIST))
async def change_playlist(
    playlist_id: PlaylistId, body: PlaylistPatch, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Change the name and description of a playlist.

    If `revision` is not the present one, the response is 409 with the current state in the details.
    """
    return await _one(await playlists.change_playlist(playlist_id, body, principal, deps), principal, deps, response)


@router.endpoint(
    "DELETE",
    "/playlists/{playlist_id}",
    idempotent=True,
    errors=_OWNER_ERRORS,
    example=enveloped(None, message=_DELETED),
)
async def delete_playlist(playlist_id: PlaylistId, principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Delete a playlist that you own.

    Its tracks remain.
    """
    await playlists.delete_playlist(playlist_id, principal, deps)
    return ok(None, message=_DELETED)


@router.endpoint(
    "POST",
    "/playlists/{playlist_id}/items",
    idempotent=True,
    errors=(*_EDIT_ERRORS, TrackNotFoundError, PlaylistFullError),
    example=enveloped(_PLAYLIST),
)
async def add_playlist_items(
    playlist_id: PlaylistId, body: AddItems, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Add tracks of yours to a playlist.

    Its collaborators may hear them from then on. Without `revision` they are added to the present state.
    """
    changed = await playlists.add_tracks(
        playlist_id, body.track_ids, principal, deps, position=body.position, revision=body.revision
    )
    return await _one(changed, principal, deps, response)


@router.endpoint("DELETE", "/playlists/{playlist_id}/items", idempotent=True, errors=_EDIT_ERRORS, example=enveloped(_PLAYLIST))
async def delete_playlist_items(
    playlist_id: PlaylistId, body: RemoveItems, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Remove items from a playlist."""
    changed = await playlists.remove_items(playlist_id, body.item_ids, principal, deps, revision=body.revision)
    return await _one(changed, principal, deps, response)


@router.endpoint(
    "PUT", "/playlists/{playlist_id}/items/order", idempotent=True, errors=_EDIT_ERRORS, example=enveloped(_PLAYLIST)
)
async def reorder_playlist_items(
    playlist_id: PlaylistId, body: ReorderItems, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Reorder all items of a playlist."""
    changed = await playlists.reorder_items(playlist_id, body.item_ids, principal, deps, revision=body.revision)
    return await _one(changed, principal, deps, response)


@router.endpoint(
    "POST", "/playlists/{playlist_id}/items/move", idempotent=True, errors=_EDIT_ERRORS, example=enveloped(_PLAYLIST)
)
async def move_playlist_item(
    playlist_id: PlaylistId, body: MoveItem, principal: ListeningWriter, deps: Deps, response: Response
) -> Success[PlaylistView]:
    """Move an item of a playlist."""
    changed = await playlists.move_item(playlist_id, body.item_id, body.position, principal, deps, revision=body.revision)
    return await _one(changed, principal, deps, response)


@router.endpoint(
    "PUT",
    "/playlists/{playlist_id}/collaborators/{user_id}",
    idempotent=True,
    errors=(*_OWNER_ERRORS, UserNotFoundError, PlaylistFullError),
    example=enveloped([_COLLABORATOR]),
)
async def share_playlist(
    playlist_id: PlaylistId, user_id: CollaboratorId, body: SetCollaborator, principal: ListeningWriter, deps: Deps
) -> Success[list[CollaboratorView]]:
    """Share a playlist that you own with a user, or change the user's role.

    Editors change name, description and items; viewers read and listen.
    """
    return ok(collaborator_views(await collaborators.set_collaborator(playlist_id, user_id, body.role, principal, deps)))


@router.endpoint(
    "DELETE",
    "/playlists/{playlist_id}/collaborators/{user_id}",
    idempotent=True,
    errors=(*_OWNER_ERRORS, UserNotFoundError),
    example=enveloped(None, message=_REMOVED),
)
async def unshare_playlist(
    playlist_id: PlaylistId, user_id: CollaboratorId, principal: ListeningWriter, deps: Deps
) -> Success[None]:
    """Stop sharing a playlist with a user, or leave a playlist yourself.

    The tracks that the user added are removed.
    """
    await collaborators.remove_collaborator(playlist_id, user_id, principal, deps)
    return ok(None, message=_REMOVED)


@router.endpoint("GET", "/playlists/{playlist_id}/updates", errors=(PlaylistNotFoundError,), example=enveloped([_UPDATE]))
async def list_playlist_updates(
    playlist_id: PlaylistId, principal: ListeningReader, deps: Deps, page: RevisionPage
) -> Success[list[PlaylistUpdateView]]:
    """List the updates of a playlist, newest first; the states of the last 100 can be restored."""
    found, total = await playlists.list_updates(playlist_id, principal, page, deps)
    return ok([playlist_update_view(update) for update in found], meta=page.meta(total))


@router.endpoint(
    "POST",
    "/playlists/{playlist_id}/updates/{revision}/restore",
    idempotent=True,
    errors=(*_EDIT_ERRORS, PlaylistRevisionNotFoundError),
    example=enveloped(_PLAYLIST),
)
async def restore_playlist(
    playlist_id: PlaylistId,
    revision: Annotated[int, Path(ge=1, le=2**31, description="Number of an earlier revision.", examples=[1])],
    body: RestorePlaylist,
    principal: ListeningWriter,
    deps: Deps,
    response: Response,
) -> Success[PlaylistView]:
    """Restore the state of an earlier revision, as a new revision.

    Tracks that were deleted since, and those of users who no longer collaborate, are left out.
    """
    changed = await playlists.restore_playlist(playlist_id, revision, principal, deps, revision=body.revision)
    return await _one(changed, principal, deps, response)


async def _one(playlist: Playlist, principal: Principal, deps: Dependencies, response: Response) -> Success[PlaylistView]:
    response.headers["ETag"] = playlists.etag_of(playlist)
    return ok(playlist_view(playlist, principal.user_id, await playlists.measure_duration(playlist, deps)))
