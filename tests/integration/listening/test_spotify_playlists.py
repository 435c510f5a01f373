"""Playlists are imported from Spotify, and exported to it."""

from typing import Any

from echo_common.contracts.values import JobStatus
from echo_common.work.lease import Lease
from echo_listening.domain.spotify_exports import SpotifyExport
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.listening.test_spotify import ada, linked, settings_of, spotify
from tests.integration.listening.test_spotify_imports import ended
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.spotify_server import SpotifyServer, limited, track

__all__ = ["ada", "spotify"]

EVENING = "e" * 22


def offer(spotify: SpotifyServer, *numbers: int, name: str = "Evening") -> None:
    """Offer a playlist with these tracks at Spotify."""
    spotify.playlists = [{"id": EVENING, "name": name, "description": "Slow &amp; quiet", "owner": None, "images": []}]
    spotify.items[EVENING] = [{"added_at": "2026-01-31T10:00:00Z", "item": track(number)} for number in numbers]


async def imported(client: ListeningClient) -> dict[str, Any]:
    """Import the playlist; return the import."""
    body = {"playlists": [EVENING]}
    return await ended(client, data(await client.ask("POST", "/spotify/imports", json=body), 202)["id"])


async def names(client: ListeningClient, playlist: dict[str, Any]) -> list[str]:
    """Return the names of a playlist's tracks in order."""
    tracks = {one["id"]: one["name"] for one in await client.get("/tracks", limit=100)}
    return [tracks[item["track_id"]] for item in playlist["items"]]


async def the_playlist(client: ListeningClient) -> dict[str, Any]:
    [summary] = await client.get("/playlists")
    found: dict[str, Any] = await client.get(f"/playlists/{summary['id']}")
    return found


async def exported(client: ListeningClient, playlist_id: str, **body: Any) -> dict[str, Any]:
    """Export a playlist; return the export once it has ended."""
    started = data(await client.ask("POST", f"/playlists/{playlist_id}/spotify-export", json=body), 202)
    return await export_ended(client, started["id"])


async def export_ended(client: ListeningClient, export_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def complete() -> bool:
        found.update(await client.get(f"/spotify/exports/{export_id}"))
        return found["status"] in {"completed", "failed"}

    await eventually(complete, within=30)
    return found


async def test_a_playlist_is_imported_in_order(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    offer(spotify, *range(60), 3)
    found = await imported(ada)
    playlist = await the_playlist(ada)

    assert (found["status"], found["imported"], found["total"]) == ("completed", 61, 61)
    assert (playlist["name"], playlist["description"], playlist["spotify_id"]) == ("Evening", "Slow & quiet", EVENING)
    assert await names(ada, playlist) == [f"Song {number}" for number in (*range(60), 3)]
    assert [update["type"] for update in await ada.get(f"/playlists/{playlist['id']}/updates")] == ["import"]


async def test_a_second_import_updates_the_playlist(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    offer(spotify, 1, 2, 3)
    await imported(ada)
    before = await the_playlist(ada)
    await imported(ada)
    assert (await the_playlist(ada))["revision"] == before["revision"]
    offer(spotify, 3, 4, 1, name="Night")
    await imported(ada)

    after = await the_playlist(ada)
    assert (after["id"], after["name"], after["revision"]) == (before["id"], "Night", before["revision"] + 1)
    assert await names(ada, after) == ["Song 3", "Song 4", "Song 1"]
    assert after["items"][2]["item_id"] == before["items"][0]["item_id"]


async def test_a_rate_limit_within_a_playlist_adds_no_track_twice(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    offer(spotify, *range(60))
    spotify.failures.append(limited(1))
    found = await imported(ada)

    assert (found["imported"], found["total"]) == (60, 60)
    assert len((await the_playlist(ada))["items"]) == 60


async def test_a_playlist_that_spotify_does_not_offer_fails_the_import(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    found = await imported(ada)

    assert (found["status"], found["error"]["code"]) == ("failed", "SPOTIFY_PLAYLIST_NOT_FOUND")
    assert await ada.get("/playlists") == []


async def test_a_playlist_that_is_too_long_fails_the_import(start: Start, spotify: SpotifyServer) -> None:
    async with start(**settings_of(spotify, playlist_tracks=2)) as ada:
        await linked(ada, spotify)
        offer(spotify, 1, 2, 3)
        found = await imported(ada)

        assert (found["status"], found["error"]["code"]) == ("failed", "PLAYLIST_FULL")
        assert await ada.get("/playlists") == []


async def test_a_playlist_is_exported_without_tracks_of_others_sources(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    offer(spotify, *range(120))
    await imported(ada)
    playlist, speech = await the_playlist(ada), await ada.speech()
    body = {"track_ids": [speech["id"]], "position": 1}
    data(await ada.ask("POST", f"/playlists/{playlist['id']}/items", json=body))
    found = await exported(ada, playlist["id"], name="Copy")

    assert (found["status"], found["exported"], found["total"], found["left_out"]) == ("completed", 120, 120, [speech["id"]])
    copy = next(one for one in spotify.playlists if one and one["id"] == found["spotify_id"])
    assert (copy["name"], copy["description"], copy["public"]) == ("Copy", "Slow & quiet", False)
    assert [item["item"]["name"] for item in spotify.items[copy["id"]] if item] == [f"Song {number}" for number in range(120)]


async def test_an_exported_playlist_has_the_id_at_spotify(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    playlist = data(await ada.ask("POST", "/playlists", json={"name": "Empty"}), 201)
    found = await exported(ada, playlist["id"])

    assert (found["status"], found["exported"]) == ("completed", 0)
    assert (await the_playlist(ada))["spotify_id"] == found["spotify_id"]


async def test_a_lost_export_adds_no_track_twice(ada: ListeningClient, start: Start, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    offer(spotify, *range(100))
    async with start(**settings_of(spotify, spotify_imports_at_once=0)) as idle:
        lost = SpotifyExport(
            id="export_lost",
            user_id="usr_ada",
            playlist_id="playlist_gone",
            name="Copy",
            spotify_track_ids=tuple(f"{number:022d}" for number in range(120)),
            spotify_id=EVENING,
            attempt=1,
        )
        lost.status, lost.lease = JobStatus.PROCESSING, Lease(worker="gone", seconds=0.1)
        await idle.deps.spotify_exports.add(lost)
        found = await export_ended(ada, "export_lost")

    assert (found["status"], found["exported"]) == ("completed", 120)
    assert len(spotify.items[EVENING]) == 120


async def test_exports_need_a_link_and_a_playlist_of_the_user(ada: ListeningClient, spotify: SpotifyServer) -> None:
    playlist = data(await ada.ask("POST", "/playlists", json={"name": "Mine"}), 201)
    path = f"/playlists/{playlist['id']}/spotify-export"
    assert refusal(await ada.ask("POST", path, json={})) == (409, "SPOTIFY_NOT_LINKED")
    eve = ada.acting_as("usr_eve")
    await linked(eve, spotify)

    assert refusal(await eve.ask("POST", path, json={})) == (404, "PLAYLIST_NOT_FOUND")
    assert refusal(await eve.ask("GET", "/spotify/exports/export_none")) == (404, "SPOTIFY_EXPORT_NOT_FOUND")
