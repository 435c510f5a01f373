"""Use cases of playlists: create, list, read, change, restore, delete."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.playlists import (
    PlaylistChangedError,
    PlaylistFullError,
    PlaylistNotFoundError,
    PlaylistRevisionNotFoundError,
    TooManyPlaylistsError,
)
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.playlists import CreatePlaylist, PlaylistPatch
from echo_common.contracts.values import PlaylistRole
from echo_common.http.pagination import Page
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist, PlaylistState, PlaylistUpdate

PLAYLIST_ORDERS = ("created_at", "updated_at", "name")
"""Fields by which the list can be sorted."""


async def create_playlist(request: CreatePlaylist, principal: Principal, deps: Dependencies) -> Playlist:
    """Create a playlist. Raises `TrackNotFoundError`, `PlaylistFullError`, `TooManyPlaylistsError`."""
    if len(request.track_ids) > deps.settings.playlist_tracks:
        raise PlaylistFullError
    await _require_tracks(request.track_ids, principal, deps)
    playlist = await add_playlist(
        Playlist.create(principal.user_id, request.name, request.description, request.track_ids), deps
    )
    return await remove_deleted_tracks(playlist, request.track_ids, deps)


async def add_playlist(playlist: Playlist, deps: Dependencies) -> Playlist:
    """Store a new playlist. Raises `TooManyPlaylistsError`."""
    own, most = {"creator_id": playlist.creator_id}, deps.settings.playlists_per_user
    if await deps.playlists.count(own) >= most:
        raise TooManyPlaylistsError
    await deps.playlists.add(playlist)
    if await deps.playlists.count(own) > most:  # others were created meanwhile
        with suppress(PlaylistNotFoundError):  # deleted meanwhile
            await deps.playlists.update(playlist.id, Playlist.delete)
        raise TooManyPlaylistsError
    return playlist


async def list_playlists(
    principal: Principal, page: Page, deps: Dependencies, *, role: PlaylistRole | None = None, search: str | None = None
) -> tuple[list[Playlist], int]:
    """Return a page of the playlists that the user owns or collaborates on, without items, and their total number."""
    where: dict[str, Any] = {"user_ids": principal.user_id}
    if role is PlaylistRole.OWNER:
        where = {"creator_id": principal.user_id}
    elif role is not None:
        where["collaborators"] = {"$elemMatch": {"user_id": principal.user_id, "role": role.value}}
    if search is not None:
        where["search"] = {"$regex": re.escape(search.casefold())}
    field = "search" if page.sort_by == "name" else page.sort_by  # names are sorted without regard to case
    order = [(field, page.direction), ("_id", page.direction)]
    found = deps.playlists.find(where, sort=order, skip=page.offset, limit=page.limit, without=("items",))
    return [playlist async for playlist in found], await deps.playlists.count(where)


async def find_playlist(playlist_id: str, principal: Principal, deps: Dependencies) -> Playlist:
    """Return a playlist of which the user is owner or collaborator. Raises `PlaylistNotFoundError`, also for another one."""
    return await deps.playlists.get(playlist_id, user_ids=principal.user_id)


async def change_playlist(playlist_id: str, patch: PlaylistPatch, principal: Principal, deps: Dependencies) -> Playlist:
    """Change name and description. Raises the errors of `_edit`."""
    sent = patch.model_dump(exclude_unset=True)

    def change(playlist: Playlist) -> None:
        name, description = sent.get("name", playlist.name), sent.get("description", playlist.description)
        playlist.describe(name, description, principal.user_id)

    return await _edit(playlist_id, change, principal, deps, revision=patch.revision)


async def delete_playlist(playlist_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a playlist of the user with its updates. Raises `PlaylistNotFoundError`, `PlaylistRoleRequiredError`."""

    def delete(playlist: Playlist) -> None:
        playlist.require_owner(principal.user_id)
        playlist.delete()

    await deps.playlists.update(playlist_id, delete, user_ids=principal.user_id)
    await deps.playlist_updates.remove_all(playlist_id)


async def add_tracks(
    playlist_id: str,
    track_ids: Sequence[str],
    principal: Principal,
    deps: Dependencies,
    *,
    position: int | None = None,
    revision: int | None = None,
) -> Playlist:
    """Add tracks of the user. Raises `TrackNotFoundError`, `PlaylistFullError`, and the errors of `_edit`."""
    (await find_playlist(playlist_id, principal, deps)).require_editor(principal.user_id)
    await _require_tracks(track_ids, principal, deps)
    most = deps.settings.playlist_tracks
    playlist = await _edit(
        playlist_id,
        lambda held: held.add_tracks(track_ids, principal.user_id, position=position, most=most),
        principal,
        deps,
        revision=revision,
    )
    return await remove_deleted_tracks(playlist, track_ids, deps)


async def remove_items(
    playlist_id: str, item_ids: Sequence[str], principal: Principal, deps: Dependencies, *, revision: int | None = None
) -> Playlist:
    """Remove items. Raises the errors of `_edit`."""
    return await _edit(
        playlist_id, lambda held: held.remove_items(item_ids, principal.user_id), principal, deps, revision=revision
    )


async def reorder_items(
    playlist_id: str, item_ids: Sequence[str], principal: Principal, deps: Dependencies, *, revision: int
) -> Playlist:
    """Give all items a new order. Raises `ValidationError`, and the errors of `_edit`."""
    return await _edit(playlist_id, lambda held: held.reorder(item_ids, principal.user_id), principal, deps, revision=revision)


async def move_item(
    playlist_id: str, item_id: str, position: int, principal: Principal, deps: Dependencies, *, revision: int
) -> Playlist:
    """Move an item. Raises `ValidationError`, and the errors of `_edit`."""
    return await _edit(
        playlist_id, lambda held: held.move(item_id, position, principal.user_id), principal, deps, revision=revision
    )


async def list_updates(
    playlist_id: str, principal: Principal, page: Page, deps: Dependencies
) -> tuple[list[PlaylistUpdate], int]:
    """Return a page of the updates of a playlist and their number. Raises `PlaylistNotFoundError`.

    The latest one is in the playlist, the earlier ones have documents of their own.
    """
    playlist = await find_playlist(playlist_id, principal, deps)
    earlier = {"playlist_id": playlist_id, "revision": {"$lt": playlist.revision}}
    number = await deps.playlist_updates.count(earlier)
    newest_first = page.direction == -1
    place = 0 if newest_first else number
    has_latest = page.offset <= place < page.offset + page.limit
    skip = max(0, page.offset - 1) if newest_first else page.offset
    limit = page.limit - has_latest
    order = [("revision", page.direction)]
    found = deps.playlist_updates.find(earlier, sort=order, skip=skip, limit=limit, without=("state",)) if limit else None
    updates = [] if found is None else [update async for update in found]
    latest = [PlaylistUpdate.of(playlist)] if has_latest else []
    return (latest + updates if newest_first else updates + latest), number + 1


async def restore_playlist(
    playlist_id: str, restored: int, principal: Principal, deps: Dependencies, *, revision: int
) -> Playlist:
    """Restore the state of an earlier revision. Raises `PlaylistRevisionNotFoundError`, and the errors of `_edit`."""
    playlist = await find_playlist(playlist_id, principal, deps)
    playlist.require_editor(principal.user_id)
    state = await _find_state(playlist, restored, deps)
    track_ids = {item.track_id for item in state.items}
    owners = await deps.tracks.find_owners(track_ids)
    changed = await _edit(
        playlist_id, lambda held: held.restore(state, owners, principal.user_id), principal, deps, revision=revision
    )
    return await remove_deleted_tracks(changed, track_ids, deps)


async def remove_tracks(track_ids: Sequence[str], deps: Dependencies) -> None:
    """Remove deleted tracks from all playlists; idempotent."""
    where = {"items.track_id": {"$in": list(track_ids)}}
    for playlist_id in [playlist.id async for playlist in deps.playlists.find(where, without=("items",))]:
        with suppress(PlaylistNotFoundError):  # deleted meanwhile
            await deps.playlists.change(playlist_id, lambda playlist: playlist.remove_tracks(track_ids))


async def measure_duration(playlist: Playlist, deps: Dependencies) -> float:
    """Return the seconds of all tracks with audio."""
    durations = await deps.tracks.find_durations(item.track_id for item in playlist.items)
    return sum(durations.get(item.track_id, 0.0) for item in playlist.items)


def etag_of(playlist: Playlist) -> str:
    """Return the ETag of a playlist, with its quotes."""
    return f'"{playlist.revision}"'


async def _edit(
    playlist_id: str,
    change: Callable[[Playlist], None],
    principal: Principal,
    deps: Dependencies,
    *,
    revision: int | None = None,
) -> Playlist:
    """Change a playlist.

    Raises `PlaylistNotFoundError`, `PlaylistRoleRequiredError`, and `PlaylistChangedError` if another revision is given.
    """

    def change_checked(playlist: Playlist) -> None:
        playlist.require_editor(principal.user_id)
        if revision is not None and revision != playlist.revision:
            raise PlaylistChangedError(details=_state_of(playlist))
        change(playlist)

    return await deps.playlists.change(playlist_id, change_checked, user_ids=principal.user_id)


def _state_of(playlist: Playlist) -> Mapping[str, Any]:
    return playlist.model_dump(mode="json", include={"revision", "name", "description", "items"})


async def _find_state(playlist: Playlist, revision: int, deps: Dependencies) -> PlaylistState:
    if revision == playlist.revision:
        return PlaylistState.of(playlist)
    earlier = {"_id": PlaylistUpdate.id_of(playlist.id, revision), "revision": {"$lt": playlist.revision}}
    update = await deps.playlist_updates.find_one(earlier)
    if update is None or update.state is None:
        raise PlaylistRevisionNotFoundError
    return update.state


async def _require_tracks(track_ids: Collection[str], principal: Principal, deps: Dependencies) -> None:
    """Raise `TrackNotFoundError` unless these are tracks of the user."""
    owners = await deps.tracks.find_owners(track_ids)
    missing = [each for each in dict.fromkeys(track_ids) if owners.get(each) != principal.user_id]
    if missing:
        raise TrackNotFoundError(details={"track_ids": missing})


async def remove_deleted_tracks(playlist: Playlist, track_ids: Collection[str], deps: Dependencies) -> Playlist:
    """Remove tracks that were deleted before the playlist was saved: the event of their deletion may not have found them in it."""
    missing = set(track_ids) - (await deps.tracks.find_owners(track_ids)).keys()
    if not missing:
        return playlist
    return await deps.playlists.change(playlist.id, lambda held: held.remove_tracks(missing))
