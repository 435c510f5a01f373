"""Imports from Spotify: saved tracks become tracks, page by page."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.contracts.values import JobStatus
from echo_common.errors import NotFoundError
from echo_common.ids import new_id
from echo_common.work.lease import Lease
from echo_common.work.port import Attempt
from echo_listening.domain.spotify import SpotifyLink
from echo_listening.domain.spotify_imports import SpotifyImport
from echo_listening.usecases.spotify_imports import perform_import
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.listening.test_spotify import ada, linked, settings_of, spotify
from tests.integration.listening.test_user_data import erased
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.spotify_server import SpotifyServer, limited, saved, saved_tracks, track

__all__ = ["ada", "spotify"]

WITHOUT_A_WORKER = {"spotify_imports_at_once": 0}
TRACKS = {"saved_tracks": True}


async def started(client: ListeningClient, **parts: bool) -> str:
    return str(data(await client.ask("POST", "/spotify/imports", json=parts or TRACKS), 202)["id"])


async def ended(client: ListeningClient, import_id: str, within: float = 20) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def complete() -> bool:
        found.update(await client.get(f"/spotify/imports/{import_id}"))
        return found["status"] in {"completed", "failed"}

    await eventually(complete, within=within)
    return found


def artists(number: int) -> list[dict[str, Any] | None]:
    return [{"id": f"{each:022d}", "name": f"Artist {each}", "type": "artist"} for each in range(number)]


async def test_saved_tracks_become_tracks(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.saved = saved_tracks(120)
    found = await ended(ada, await started(ada))

    assert {name: found[name] for name in ("status", "imported", "skipped", "total", "error")} == {
        "status": "completed",
        "imported": 120,
        "skipped": 0,
        "total": 120,
        "error": None,
    }
    assert await ada.deps.tracks.count({"user_id": "usr_ada", "source": "spotify"}) == 120
    [one] = await ada.get("/tracks", search="song 17", artist="Artist 3", source="spotify")
    expected: dict[str, Any] = {
        "name": "Song 17",
        "artists": ["Artist 3"],
        "album": "Album",
        "popularity": None,
        "duration": 180.5,
        "spotify_id": f"{17:022d}",
        "cover_url": "https://i.scdn.co/image/large",
        "audio_url": None,
        "features_status": "unavailable",
    }
    assert one.items() >= expected.items()


async def test_a_second_import_updates_the_tracks(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.saved = saved_tracks(3)
    await ended(ada, await started(ada))
    before = {one["spotify_id"]: one["id"] for one in await ada.get("/tracks")}
    spotify.saved = saved(track(0, name="Renamed", popularity=60), track(1), track(2))
    await ended(ada, await started(ada))

    tracks = await ada.get("/tracks")
    assert {one["spotify_id"]: one["id"] for one in tracks} == before
    assert sorted((one["name"], one["popularity"]) for one in tracks) == [("Renamed", 60), ("Song 1", None), ("Song 2", None)]


async def test_items_that_are_no_tracks_are_skipped(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    local = track(1, id=None, is_local=True)
    episode = track(2, type="episode")
    spotify.saved = [*saved(local, episode, track(3, name="\u202eSong\n")), {"track": None}, None]
    found = await ended(ada, await started(ada))

    assert (found["imported"], found["skipped"], found["total"]) == (1, 4, 5)
    assert [one["name"] for one in await ada.get("/tracks")] == ["Song"]


async def test_top_artists_are_part_of_the_link(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.artists = artists(60)
    found = await ended(ada, await started(ada, top_artists=True))

    assert (found["imported"], found["total"]) == (50, 50)
    assert (await ada.deps.spotify_links.get("usr_ada")).top_artists[:2] == ("Artist 0", "Artist 1")


async def test_top_artists_are_stated_preferences_while_the_account_is_linked(
    ada: ListeningClient, spotify: SpotifyServer
) -> None:
    data(await ada.ask("PUT", "/preferences", json={"top_artists": ["Own"]}))
    await linked(ada, spotify)
    spotify.artists = artists(60)
    await ended(ada, await started(ada, top_artists=True))

    preferences = await ada.get("/preferences")
    assert preferences["top_artists"] == preferences["stated"]["top_artists"]
    assert preferences["top_artists"] == ["Own", *(f"Artist {number}" for number in range(49))]
    spotify.user_id = "lovelace"
    await linked(ada, spotify)
    assert (await ada.get("/preferences"))["top_artists"] == ["Own"]


async def test_unlinking_removes_the_top_artists_from_the_preferences_also_after_a_crash(
    ada: ListeningClient, spotify: SpotifyServer
) -> None:
    spotify.artists = artists(2)
    for unlink in (
        lambda: ada.ask("DELETE", "/spotify/link"),
        lambda: ada.deps.spotify_links.update("usr_ada", SpotifyLink.unlink),
    ):
        await linked(ada, spotify)
        await ended(ada, await started(ada, top_artists=True))
        assert (await ada.get("/preferences"))["top_artists"] == ["Artist 0", "Artist 1"]
        await unlink()

        async def removed() -> bool:
            return not (await ada.get("/preferences"))["top_artists"]

        await eventually(removed)


async def test_an_import_waits_for_a_rate_limit_and_loses_nothing(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.saved = saved_tracks(60)
    spotify.failures.append(limited(1))
    found = await ended(ada, await started(ada))

    assert (found["status"], found["imported"], found["total"]) == ("completed", 60, 60)
    assert spotify.count("GET /v1/me/tracks") == 3


async def test_an_import_survives_a_cut_response(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.saved = saved_tracks(2)
    spotify.failures.append("cut")

    assert (await ended(ada, await started(ada)))["imported"] == 2


async def test_a_lost_import_continues_at_the_page_it_had_reached(
    ada: ListeningClient, start: Start, spotify: SpotifyServer
) -> None:
    await linked(ada, spotify)
    spotify.saved = saved_tracks(120)
    async with start(**settings_of(spotify, **WITHOUT_A_WORKER)) as idle:
        lost = SpotifyImport(
            id="import_lost", user_id="usr_ada", parts=("saved_tracks",), offset=100, imported=100, total=120, attempt=1
        )
        lost.status, lost.lease = JobStatus.PROCESSING, Lease(worker="gone", seconds=0.1)
        await idle.deps.spotify_imports.add(lost)
        found = await ended(ada, "import_lost", within=30)

    assert (found["status"], found["imported"], found["total"]) == ("completed", 120, 120)
    assert spotify.count("GET /v1/me/tracks") == 1
    assert await ada.deps.tracks.count({"user_id": "usr_ada"}) == 20


async def test_an_import_of_a_user_whom_spotify_refuses_fails_with_the_reason(
    ada: ListeningClient, spotify: SpotifyServer
) -> None:
    await linked(ada, spotify)
    spotify.failures.append(web.json_response({"error": {"status": 403}}, status=403))
    found = await ended(ada, await started(ada))

    assert (found["status"], found["error"]["code"]) == ("failed", "SPOTIFY_USER_NOT_ALLOWED")


async def test_unlinking_ends_an_import(ada: ListeningClient, spotify: SpotifyServer, start: Start) -> None:
    async with start(**settings_of(spotify, **WITHOUT_A_WORKER)):
        await linked(ada, spotify)
        spotify.failures.append(limited(2))
        import_id = await started(ada)
        await eventually(lambda: not spotify.failures)
        await ada.ask("DELETE", "/spotify/link")

    found = await ended(ada, import_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "SPOTIFY_NOT_LINKED")


async def test_one_import_runs_at_a_time(start: Start, spotify: SpotifyServer) -> None:
    async with start(**settings_of(spotify, **WITHOUT_A_WORKER)) as ada:
        await linked(ada, spotify)
        await started(ada)

        assert refusal(await ada.ask("POST", "/spotify/imports", json=TRACKS)) == (409, "SPOTIFY_IMPORT_CONFLICT")


async def test_of_two_imports_that_are_started_at_once_one_is_refused(
    start: Start, spotify: SpotifyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(**settings_of(spotify, **WITHOUT_A_WORKER)) as ada:
        await linked(ada, spotify)
        imports, other = ada.deps.spotify_imports, SpotifyImport(id=new_id("import"), user_id=ada.user_id)
        add = imports.add

        async def add_after_the_other(queued: SpotifyImport) -> None:
            await add(other)
            await add(queued)

        monkeypatch.setattr(imports, "add", add_after_the_other)

        assert refusal(await ada.ask("POST", "/spotify/imports", json=TRACKS)) == (409, "SPOTIFY_IMPORT_CONFLICT")
        assert [found.id async for found in imports.find({})] == [other.id]


async def test_imports_need_a_link_and_a_part(ada: ListeningClient, spotify: SpotifyServer) -> None:
    assert refusal(await ada.ask("POST", "/spotify/imports", json=TRACKS)) == (409, "SPOTIFY_NOT_LINKED")
    await linked(ada, spotify)
    bodies: list[dict[str, Any]] = [{}, {"saved_tracks": False}, {"playlists": []}, {"playlists": ["../me"]}]
    for body in bodies:
        assert refusal(await ada.ask("POST", "/spotify/imports", json=body)) == (422, "VALIDATION_ERROR")


async def test_imports_of_others_are_not_found(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    import_id = await started(ada)
    eve = ada.acting_as("usr_eve")

    assert refusal(await eve.ask("GET", f"/spotify/imports/{import_id}")) == (404, "SPOTIFY_IMPORT_NOT_FOUND")


@pytest.mark.parametrize("scope", ["listening:read", "account"])
async def test_imports_need_the_scope_for_writing(scope: str, ada: ListeningClient) -> None:
    limited_to = ada.acting_as("usr_ada", scope=scope)

    assert refusal(await limited_to.ask("POST", "/spotify/imports", json=TRACKS)) == (403, "FORBIDDEN")


async def test_a_user_who_is_deleted_during_an_import_leaves_no_track(start: Start, spotify: SpotifyServer) -> None:
    async with start(**settings_of(spotify, **WITHOUT_A_WORKER)) as ada:
        await linked(ada, spotify)
        spotify.saved = saved_tracks(2)
        task = await ada.deps.spotify_imports.get(await started(ada))

        async def delete_user() -> None:
            spotify.before_read = None
            await erased(ada, "usr_ada")

        spotify.before_read = delete_user
        with pytest.raises(NotFoundError):
            await perform_import(ada.deps, task, cast("Attempt", SimpleNamespace(number=1)))

        assert spotify.count("GET /v1/me/tracks") == 1
        assert await ada.deps.tracks.count({}) == 0


async def test_a_deleted_user_leaves_no_link_and_no_import(
    ada: ListeningClient, spotify: SpotifyServer, database: Database
) -> None:
    await linked(ada, spotify)
    spotify.saved, spotify.artists = saved_tracks(2), artists(1)
    await ended(ada, await started(ada, saved_tracks=True, top_artists=True))
    await ada.ask("POST", "/spotify/link")
    playlist = data(await ada.ask("POST", "/playlists", json={"name": "Empty"}), 201)
    data(await ada.ask("POST", f"/playlists/{playlist['id']}/spotify-export", json={}), 202)
    exported = [item async for item in ada.deps.user_data.export("usr_ada") if isinstance(item, ExportedDocument)]
    collections = Counter(item.collection for item in exported)
    assert collections == {
        "spotify_links": 1,
        "spotify_imports": 1,
        "spotify_exports": 1,
        "tracks": 2,
        "playlists": 1,
        "playlist_updates": 1,
        "preferences": 1,
    }
    assert "token" not in str(exported[0].fields)
    await erased(ada, "usr_ada")

    store = await database.open("listening")
    for name in (*collections, "spotify_states"):
        assert [found async for found in store.collection(name).find({}) if "usr_ada" in str({**found, "outbox": None})] == []
    await store.close()
