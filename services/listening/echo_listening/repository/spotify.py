"""Repositories of links to Spotify, of imports and exports, and of the time until which Spotify limits the app's requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.spotify import SpotifyExportNotFoundError, SpotifyImportNotFoundError
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Filter, Index, Store
from echo_common.work.repository import TaskRepository
from echo_listening.domain.spotify import SpotifyLink
from echo_listening.domain.spotify_exports import SpotifyExport
from echo_listening.domain.spotify_imports import SpotifyImport

_APP: Final = "app"


class SpotifyLinks(Repository[SpotifyLink]):
    """The repository of links, by the id of their users."""

    aggregate = SpotifyLink
    name = "spotify_links"
    indexes: ClassVar[Sequence[Index]] = (Index([("spotify_user_id", 1)], unique=True),)


class SpotifyImports(TaskRepository[SpotifyImport]):
    """The repository of imports."""

    aggregate = SpotifyImport
    name = "spotify_imports"
    id_label = "import_id"
    missing = SpotifyImportNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("status", 1), ("created_at", 1)]),
        Index([("user_id", 1), ("created_at", -1)]),
    )

    def may_start(self) -> Filter:
        """Return the filter for imports that do not wait until Spotify permits requests."""
        return _permitted()


class SpotifyExports(TaskRepository[SpotifyExport]):
    """The repository of exports."""

    aggregate = SpotifyExport
    name = "spotify_exports"
    id_label = "export_id"
    missing = SpotifyExportNotFoundError
    indexes: ClassVar[Sequence[Index]] = (
        Index([("status", 1), ("created_at", 1)]),
        Index([("user_id", 1), ("created_at", -1)]),
    )

    def may_start(self) -> Filter:
        """Return the filter for exports that do not wait until Spotify permits requests."""
        return _permitted()


def _permitted() -> Filter:
    return {"start_at": {"$not": {"$gt": now()}}}


class SpotifyPause:
    """The time until which Spotify limits the requests of the app, shared by all replicas and users."""

    def __init__(self, store: Store) -> None:
        self._pauses = store.collection("spotify_pauses")

    async def prepare(self) -> None:
        """Create the collection; call once at start."""
        await self._pauses.ensure([])

    async def remaining_seconds(self) -> float:
        """Return the seconds until requests are permitted; 0 if they are."""
        found = await self._pauses.find_one({"_id": _APP})
        return 0.0 if found is None else max(0.0, (found["until"] - now()).total_seconds())

    async def extend(self, until: datetime) -> None:
        """Permit no requests until a time, or until the later one that is stored."""
        earlier = {"_id": _APP, "until": {"$lt": until}}
        if await self._pauses.update_one(earlier, {"$set": {"until": until}}):
            return
        try:
            await self._pauses.insert({"_id": _APP, "until": until})
        except DuplicateError:  # a concurrent request has stored one, maybe a later one
            await self._pauses.update_one(earlier, {"$set": {"until": until}})
