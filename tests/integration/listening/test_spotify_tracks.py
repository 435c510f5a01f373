"""Tracks of Spotify are added by their id; streams skip them."""

import pytest

from tests.integration.listening.conftest import ListeningClient
from tests.integration.listening.test_spotify import ada, linked, spotify
from tests.integration.listening.test_streams import RATE, heard, playlist_of, sine, track_of
from tests.support.person import data, refusal
from tests.support.recordings import wav
from tests.support.spotify_server import SpotifyServer, track

__all__ = ["ada", "spotify"]

SONG = track(7)


async def test_a_track_of_spotify_is_added_once(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.catalogue = [SONG]
    added = data(await ada.ask("POST", "/tracks", json={"spotify_id": SONG["id"]}), 201)
    spotify.catalogue = [SONG | {"name": "Renamed"}]
    again = data(await ada.ask("POST", "/tracks", json={"spotify_id": SONG["id"]}), 201)

    expected = {"source": "spotify", "name": "Song 7", "artists": ["Artist 0"], "duration": 180.5, "audio_url": None}
    assert added.items() >= {**expected, "spotify_id": SONG["id"], "features_status": "unavailable"}.items()
    assert (again["id"], again["name"]) == (added["id"], "Renamed")
    assert len(await ada.get("/tracks")) == 1


async def test_a_track_that_spotify_lacks_is_not_stored(ada: ListeningClient, spotify: SpotifyServer) -> None:
    body = {"spotify_id": SONG["id"]}
    assert refusal(await ada.ask("POST", "/tracks", json=body)) == (409, "SPOTIFY_NOT_LINKED")
    await linked(ada, spotify)

    assert refusal(await ada.ask("POST", "/tracks", json=body)) == (404, "SPOTIFY_TRACK_NOT_FOUND")
    assert await ada.deps.tracks.count({}) == 0


@pytest.mark.parametrize("body", [{}, {"spotify_id": "../me"}, {"spotify_id": SONG["id"], "name": "Song"}])
async def test_a_body_other_than_an_id_of_spotify_is_refused(
    body: dict[str, str], ada: ListeningClient, spotify: SpotifyServer
) -> None:
    await linked(ada, spotify)
    requests = len(spotify.requests)

    assert refusal(await ada.ask("POST", "/tracks", json=body)) == (422, "VALIDATION_ERROR")
    assert len(spotify.requests) == requests


async def test_streams_skip_tracks_of_spotify_and_name_them(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.catalogue = [SONG]
    song = data(await ada.ask("POST", "/tracks", json={"spotify_id": SONG["id"]}), 201)
    path = await playlist_of(ada, song["id"], await track_of(ada, wav(sine(1), RATE), 1.0))
    timeline = await ada.get(f"{path}/timeline")
    response = await ada.ask("GET", f"{path}/stream", params={"format": "wav"})

    assert [(item["name"], item["code"]) for item in timeline["skipped"]] == [("Song 7", "TRACK_WITHOUT_AUDIO")]
    assert (timeline["items"][0]["start"], timeline["duration"]) == (0, 1)
    assert response.headers["echo-skipped-tracks"] == "1"
    assert len(heard(response.content)) == RATE
    only = await playlist_of(ada, song["id"])
    assert refusal(await ada.ask("GET", f"{only}/stream")) == (409, "PLAYLIST_WITHOUT_AUDIO")
    assert refusal(await ada.ask("GET", f"/tracks/{song['id']}/audio")) == (409, "TRACK_WITHOUT_AUDIO")
