"""A change of a playlist that a SIGKILL interrupts between its two writes is made once, and its history has no gap."""

import asyncio
from pathlib import Path

from echo_common.clock import now
from echo_common.contracts.values import PlaylistRole
from echo_common.faults import FaultPoints
from echo_common.outbox.relay import Relay
from echo_common.user_data.erasure import ErasedUser, ErasedUsers
from echo_listening.domain.playlists import Playlist
from echo_listening.repository.playlists import Playlists, PlaylistUpdates
from tests.integration.listening.conftest import Start, start
from tests.integration.outbox.counters import RecordingBus
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.service_process import run_until_dead

__all__ = ["start"]

PLAYLIST_POINT = "playlists.before_save"


async def left(database: Database) -> str:
    """Store a playlist of Ada with a track of Eve, whose erasure removes it, while no service runs; return its id."""
    store = await database.open("listening")
    where = store, Relay(RecordingBus())
    playlists = Playlists(*where, PlaylistUpdates(*where), FaultPoints())
    playlist = Playlist.create("usr_ada", "Evening", None, ["track_ada"])
    playlist.set_collaborator("usr_eve", PlaylistRole.EDITOR)
    await playlists.add(playlist)
    await playlists.change(playlist.id, lambda held: held.add_tracks(["track_eve"], "usr_eve", most=9))
    await ErasedUsers(*where).add(ErasedUser(id="usr_eve", due_at=now()))
    await store.close()
    return playlist.id


async def test_an_interrupted_change_is_made_once(database: Database, tmp_path: Path, start: Start) -> None:
    playlist_id = await left(database)
    await asyncio.to_thread(run_until_dead, database, tmp_path, PLAYLIST_POINT, service="listening")

    async with start() as ada:
        # the update of the present revision is stored already, and listed once
        assert (await ada.deps.playlists.get(playlist_id)).revision == 2
        assert await ada.deps.playlist_updates.count({"playlist_id": playlist_id, "revision": 2}) == 1
        assert [update["revision"] for update in await ada.get(f"/playlists/{playlist_id}/updates")] == [2, 1]

        async def erased() -> bool:
            return await ada.deps.playlists.count({"user_ids": "usr_eve"}) == 0

        await eventually(erased, within=40)
        found = await ada.get(f"/playlists/{playlist_id}")
        assert [item["track_id"] for item in found["items"]] == ["track_ada"]
        updates = await ada.get(f"/playlists/{playlist_id}/updates")
        assert [(update["revision"], update["type"]) for update in updates] == [(3, "remove"), (2, "add"), (1, "create")]
