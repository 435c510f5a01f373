"""An import from Spotify whose worker dies by SIGKILL is continued at its page by another one."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from echo_common.clock import now
from echo_common.contracts.values import JobStatus
from echo_common.encryption import Encryption
from echo_common.outbox.relay import Relay
from echo_listening.domain.spotify import SpotifyLink
from echo_listening.domain.spotify_imports import ImportedPart, SpotifyImport
from echo_listening.repository.spotify import SpotifyImports, SpotifyLinks
from tests.integration.listening.conftest import Start, start
from tests.integration.listening.test_spotify import SECRET, settings_of, spotify
from tests.integration.outbox.counters import RecordingBus
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.service_process import run_until_dead
from tests.support.spotify_server import CLIENT_ID, Login, SpotifyServer, saved_tracks

__all__ = ["spotify", "start"]

SPOTIFY_POINTS = {"spotify_import.after_page:2": 1, "worker.before_commit": 0}
"""Number of pages that are requested again after a death at each point."""


async def queued(database: Database) -> None:
    """Store a link with an access token, and an import, while no worker runs."""
    encryption = Encryption(SECRET, "spotify tokens", "ECHO_LISTENING_SECRET")
    token = encryption.encrypt(b"access").decode()
    link = SpotifyLink(
        id="usr_ada",
        spotify_user_id="ada",
        access_token=token,
        refresh_token=token,
        token_expiry=now() + timedelta(hours=1),
        linked_at=now(),
    )
    store = await database.open("listening")
    relay = Relay(RecordingBus())
    await SpotifyLinks(store, relay).add(link)
    waiting = SpotifyImport(id="import_1", user_id="usr_ada", parts=(ImportedPart.SAVED_TRACKS,))
    await SpotifyImports(store, relay).add(waiting)
    await store.close()


@pytest.mark.parametrize(("point", "repeated"), SPOTIFY_POINTS.items())
async def test_an_import_is_completed_once_after_the_death_of_its_worker(
    point: str, repeated: int, database: Database, tmp_path: Path, start: Start, spotify: SpotifyServer
) -> None:
    spotify.logins["ada"] = Login("ada", {"access"}, "refresh")
    spotify.saved = saved_tracks(120)
    await queued(database)
    settings = {
        "ECHO_LISTENING_SECRET": SECRET,
        "ECHO_LISTENING_SPOTIFY_CLIENT_ID": CLIENT_ID,
        "ECHO_LISTENING_SPOTIFY_ACCOUNTS_URL": spotify.url,
        "ECHO_LISTENING_SPOTIFY_API_URL": spotify.url,
    }
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="listening", **settings)
    async with start(**settings_of(spotify, lease_seconds=1)) as ada:

        async def ended() -> bool:
            return (await ada.deps.spotify_imports.get("import_1")).status is JobStatus.COMPLETED

        await eventually(ended, within=40)
        found = await ada.deps.spotify_imports.get("import_1")
        assert (found.imported, found.skipped, found.total, found.attempt) == (120, 0, 120, 2)
        assert await ada.deps.tracks.count({"user_id": "usr_ada"}) == 120
        assert spotify.count("GET /v1/me/tracks") == 3 + repeated
