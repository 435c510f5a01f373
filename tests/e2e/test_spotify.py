"""An account of Spotify is linked, imported, exported and unlinked, and logs its user in; in both modes."""

from typing import Any

import httpx
import pytest

from echo_common.ids import new_id
from tests.support.eventually import eventually
from tests.support.person import PASSWORD, Person, data, refusal
from tests.support.platform import Platform
from tests.support.spotify_server import SpotifyServer, saved_tracks, track

HTML = {"Accept": "text/html"}


@pytest.fixture
def library(spotify: SpotifyServer) -> SpotifyServer:
    """The library of a new user at Spotify."""
    spotify.user_id = new_id("spotify")
    playlist: dict[str, Any] = {"id": "e" * 22, "name": "Evening", "owner": None, "images": []}
    spotify.saved, spotify.artists, spotify.playlists = saved_tracks(3), [{"name": "Nina Simone"}], [playlist]
    spotify.items = {"e" * 22: [{"item": track(number)} for number in (7, 1)]}
    return spotify


async def link(person: Person, spotify: SpotifyServer) -> httpx.Response:
    consent = data(await person.http.post("/spotify/link"))
    return await person.http.get("/spotify/callback", params=spotify.permit(consent["url"]), headers=HTML)


async def transferred(person: Person, path: str, **body: Any) -> dict[str, Any]:
    """Start an import or an export, and return it once it has ended."""
    started = data(await person.http.post(path, json=body), 202)
    kind = "exports" if "playlist_id" in started else "imports"
    found: dict[str, Any] = {}

    async def ended() -> bool:
        found.update(data(await person.http.get(f"/spotify/{kind}/{started['id']}")))
        return found["status"] in {"completed", "failed"}

    await eventually(ended, within=30)
    return found


async def test_a_library_at_spotify_is_imported(ada: Person, library: SpotifyServer) -> None:
    page = await link(ada, library)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert data(await ada.http.get("/spotify/link"))["spotify_user_id"] == library.user_id
    assert [one["name"] for one in data(await ada.http.get("/spotify/playlists"))] == ["Evening"]

    found = await transferred(ada, "/spotify/imports", playlists=["e" * 22], saved_tracks=True, top_artists=True)
    assert (found["status"], found["imported"], found["total"]) == ("completed", 6, 6)
    assert len(data(await ada.http.get("/tracks", params={"source": "spotify"}))) == 4
    assert data(await ada.http.get("/preferences"))["stated"]["top_artists"] == ["Nina Simone"]
    [playlist] = data(await ada.http.get("/playlists"))
    assert (playlist["name"], playlist["track_count"]) == ("Evening", 2)
    found = await transferred(ada, f"/playlists/{playlist['id']}/spotify-export", name="Copy")
    assert (found["status"], found["exported"]) == ("completed", 2)

    data(await ada.http.delete("/spotify/link"))
    assert refusal(await ada.http.get("/spotify/playlists")) == (409, "SPOTIFY_NOT_LINKED")
    assert data(await ada.http.get("/preferences"))["top_artists"] == []

    async def in_the_history() -> bool:
        entries = data(await ada.http.get("/users/me/history", params={"limit": 100}))
        return {"spotify_linked", "spotify_unlinked"} <= {entry["action_type"] for entry in entries}

    await eventually(in_the_history)


async def test_a_deleted_user_leaves_no_link(platform: Platform, eve: Person, library: SpotifyServer) -> None:
    async with Person.at(platform.url) as owner:
        await owner.register()
        assert (await link(owner, library)).status_code == 200
        assert (await link(eve, library)).status_code == 409
        data(await owner.http.request("DELETE", "/users/me", json={"password": PASSWORD}), 202)

    async def free() -> bool:
        return (await link(eve, library)).status_code == 200

    await eventually(free, within=60)


async def test_a_user_of_spotify_logs_in_without_an_address(platform: Platform, library: SpotifyServer) -> None:
    library.profile = {"email": "ada@example.com"}
    found = []
    for _ in range(2):
        async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", timeout=60) as browser:
            begun = await browser.get("/auth/spotify/login")
            callback = library.permit(begun.headers["Location"])
            login = data(await browser.get("/auth/spotify/callback", params=callback, headers={"Accept": "application/json"}))
            browser.headers["Authorization"] = f"Bearer {login['access_token']}"
            found.append(data(await browser.get("/users/me")))
    library.profile = {}

    assert found[0]["id"] == found[1]["id"]
    assert found[0]["email"] is None
