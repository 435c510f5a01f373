"""Use cases of imports from Spotify: queue, read and perform them."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.playlists import PlaylistFullError
from echo_common.contracts.errors.spotify import (
    SpotifyImportConflictError,
    SpotifyImportNotFoundError,
    SpotifyNotLinkedError,
)
from echo_common.contracts.values import JobStatus, PlaylistUpdateType
from echo_common.errors import NotFoundError
from echo_common.ids import new_id
from echo_common.work.port import Attempt, Result
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.spotify import SpotifyLink, SpotifyTrack
from echo_listening.domain.spotify_imports import ImportedPart, SpotifyImport
from echo_listening.spotify_api import SpotifyPage, SpotifyPlaylist
from echo_listening.usecases.playlists import add_playlist, remove_deleted_tracks
from echo_listening.usecases.spotify import require_link, require_spotify
from echo_listening.usecases.spotify_access import with_access
from echo_listening.usecases.spotify_artists import use_top_artists
from echo_listening.usecases.spotify_tracks import store_tracks

T = TypeVar("T")

PAGE: Final = 50
"""Items of a request, the most that Spotify returns."""

MAXIMUM_ARTISTS: Final = 50
"""Top artists that are imported: as many as preferences can have."""


async def queue_import(
    playlists: Sequence[str], parts: Sequence[ImportedPart], principal: Principal, deps: Dependencies
) -> SpotifyImport:
    """Queue an import. Raises `SpotifyNotConfiguredError`, `SpotifyNotLinkedError`, `SpotifyImportConflictError`."""
    await require_link(principal, deps)
    statuses = [JobStatus.PENDING.value, JobStatus.PROCESSING.value]
    unfinished = {"user_id": principal.user_id, "status": {"$in": statuses}}
    if await deps.spotify_imports.count(unfinished):
        raise SpotifyImportConflictError
    wanted = tuple(dict.fromkeys(playlists))
    started = SpotifyImport(id=new_id("import"), user_id=principal.user_id, playlists=wanted, parts=tuple(parts))
    await deps.spotify_imports.add(started)
    if await deps.spotify_imports.count(unfinished) > 1:  # another one was queued meanwhile
        with suppress(SpotifyImportNotFoundError):  # deleted meanwhile
            await deps.spotify_imports.update(started.id, SpotifyImport.erase)
        raise SpotifyImportConflictError
    deps.worker.wake()
    return started


async def find_import(import_id: str, principal: Principal, deps: Dependencies) -> SpotifyImport:
    """Return an import of the user. Raises `SpotifyNotConfiguredError`, `SpotifyImportNotFoundError`."""
    require_spotify(deps)
    return await deps.spotify_imports.get(import_id, user_id=principal.user_id)


async def perform_import(deps: Dependencies, task: SpotifyImport, attempt: Attempt) -> Result[SpotifyImport]:
    """Import page by page, from the page that an earlier attempt had reached.

    Raises the errors of Spotify, `PlaylistFullError`, `TooManyPlaylistsError`.
    """
    try:
        return await _perform_steps(_Import(deps, task, attempt), deps, task, attempt)
    finally:  # the user may have been deleted meanwhile
        await deps.erasure.repeat_for(task.user_id)


async def _perform_steps(
    running: "_Import", deps: Dependencies, task: SpotifyImport, attempt: Attempt
) -> Result[SpotifyImport]:
    for number, step in enumerate(task.steps):
        if number < task.part:
            continue
        is_first = number == task.part
        offset, track_ids = (task.offset, task.track_ids) if is_first else (0, ())
        if step.playlist is not None:
            await running.import_playlist(step.playlist, offset, track_ids)
        elif step.part is ImportedPart.SAVED_TRACKS:
            await running.import_tracks(require_spotify(deps).api.saved_tracks, offset)
        else:
            await running.import_artists(offset)
        await deps.spotify_imports.update(task.id, lambda held: held.finish_part(attempt.number))
    return Result(lambda held: held.complete(attempt.number))


ReadPage = Callable[[str, int, int], Awaitable[SpotifyPage[SpotifyTrack]]]
"""Reads a page of tracks with an access token, an offset and a limit."""


class _Import:
    """An attempt at an import."""

    def __init__(self, deps: Dependencies, task: SpotifyImport, attempt: Attempt) -> None:
        self._deps = deps
        self._task = task
        self._attempt = attempt
        self._api = require_spotify(deps).api

    async def import_tracks(self, read: ReadPage, offset: int, most: int | None = None) -> list[str]:
        """Import tracks page by page from an offset; return their ids in order. Raises `PlaylistFullError` beyond `most`."""
        imported: list[str] = []
        while True:
            page = await self._with_access(partial(_read, read, offset))
            if most is not None and page.total > most:
                raise PlaylistFullError
            track_ids = await store_tracks([item for item in page.items if item is not None], self._task.user_id, self._deps)
            imported += track_ids
            await self._deps.faults.reach("spotify_import.after_page")
            await self._advance(page.items, page.total, track_ids if most is not None else ())
            offset += len(page.items)
            if not page.items or offset >= page.total:
                return imported

    async def import_playlist(self, spotify_id: str, offset: int, track_ids: Sequence[str]) -> None:
        """Import a playlist; it is stored, or gets its new items, in one update once all pages are read."""
        found = await self._with_access(partial(self._api.playlist, spotify_id=spotify_id))

        def read(token: str, start: int, limit: int) -> Awaitable[SpotifyPage[SpotifyTrack]]:
            return self._api.playlist_items(token, spotify_id, start, limit)

        added = await self.import_tracks(read, offset, self._deps.settings.playlist_tracks)
        await self._store_playlist(found, [*track_ids, *added])

    async def import_artists(self, offset: int) -> None:
        """Import the names of the top artists."""
        page = await self._with_access(partial(self._api.top_artists, offset=0, limit=MAXIMUM_ARTISTS))
        names = tuple(dict.fromkeys(item for item in page.items if item is not None))

        def save(held: SpotifyLink) -> None:
            held.top_artists = names

        try:
            await self._deps.spotify_links.update(self._task.user_id, save)
        except NotFoundError as error:  # unlinked meanwhile
            raise SpotifyNotLinkedError from error
        await use_top_artists(self._task.user_id, self._deps)
        if offset == 0:  # an earlier attempt has counted them otherwise
            await self._advance(page.items, len(page.items))

    async def _advance(self, items: Sequence[object | None], total: int, track_ids: Sequence[str] = ()) -> None:
        skipped = sum(item is None for item in items)
        imported, number = len(items) - skipped, self._attempt.number
        await self._deps.spotify_imports.update(
            self._task.id, lambda held: held.advance(number, imported, skipped, total, track_ids)
        )

    async def _store_playlist(self, found: SpotifyPlaylist, track_ids: Sequence[str]) -> None:
        """Store a playlist with these tracks, or give the one that was imported before its present ones; idempotent."""
        user_id = self._task.user_id
        held = await self._deps.playlists.find_one({"creator_id": user_id, "spotify_id": found.spotify_id})
        if held is None:
            created = Playlist.create(user_id, found.name, found.description, track_ids, type_=PlaylistUpdateType.IMPORT)
            created.spotify_id = found.spotify_id
            playlist = await add_playlist(created, self._deps)
        else:
            playlist = await self._deps.playlists.change(
                held.id, lambda held: held.import_tracks(found.name, found.description, track_ids, user_id)
            )
        await remove_deleted_tracks(playlist, track_ids, self._deps)

    async def _with_access(self, request: Callable[[str], Awaitable[T]]) -> T:
        return await with_access(self._task.user_id, self._deps, request)


async def _read(read: ReadPage, offset: int, token: str) -> SpotifyPage[SpotifyTrack]:
    return await read(token, offset, PAGE)
