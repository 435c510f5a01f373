"""Recommendations of the user's own tracks follow interactions and stated preferences."""

from typing import Any

import pytest

from echo_common.contracts.values import TrackSource
from echo_common.ids import new_id
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.tracks import Track
from tests.integration.listening.conftest import ListeningClient
from tests.integration.listening.test_interactions import acted, preferred
from tests.support.person import data, refusal


async def stored(client: ListeningClient, energy: float | None = None, **fields: Any) -> str:
    """Store a track of the user, with features if it has an energy, and return its id."""
    track = Track(id=new_id("track"), user_id=client.user_id, source=TrackSource.SPOTIFY, name="Song", **fields)
    await client.deps.tracks.add(track)
    if energy is not None:
        await client.deps.tracks.update(track.id, lambda held: setattr(held, "object_key", "uploads/song"))
        analysis = TrackAnalysis(id=track.id, user_id=client.user_id)
        analysis.complete(analysis.claim("worker", 15), 1, TrackFeatures(energy=energy, valence=energy, liveness=0.0))
        await client.deps.analyses.add(analysis)
    return track.id


async def test_recommendations_follow_likes_and_leave_out_dislikes(ada: ListeningClient) -> None:
    liked, alike, other, disliked = [await stored(ada, energy) for energy in (0.9, 0.85, 0.1, 0.9)]
    await acted(ada, liked, "like")
    await acted(ada, disliked, "dislike")
    await preferred(ada, lambda one: bool(one["top_tracks"] == [liked]))
    found = await ada.get("/recommendations")

    assert found[0]["track"]["id"] == alike
    assert found[0]["reason"].items() >= {"code": "SIMILAR_TO_LIKED", "track_id": liked, "feature": "liveness"}.items()
    assert {one["track"]["id"] for one in found} == {liked, alike, other}
    assert all(0 <= one["score"] <= 1 for one in found)


async def test_without_interactions_stated_preferences_decide(ada: ListeningClient) -> None:
    jazz, popular = await stored(ada, genres=("jazz",)), await stored(ada, popularity=90)

    assert [one["track"]["id"] for one in await ada.get("/recommendations")] == [popular, jazz]
    data(await ada.ask("PUT", "/preferences", json={"genres": ["jazz"]}))
    found = await ada.get("/recommendations", limit=1)
    assert [(one["track"]["id"], one["reason"]["code"], one["reason"]["genre"]) for one in found] == [(jazz, "STATED", "jazz")]


async def test_recommendations_are_filtered(ada: ListeningClient) -> None:
    song, speech = await stored(ada), (await ada.speech())["id"]

    assert [one["track"]["id"] for one in await ada.get("/recommendations", playable=True)] == [speech]
    assert [one["track"]["id"] for one in await ada.get("/recommendations", source="spotify")] == [song]


async def test_similar_tracks_are_those_of_the_user_alone(ada: ListeningClient, eve: ListeningClient) -> None:
    track, alike, _ = [await stored(ada, energy) for energy in (0.5, 0.55, 0.0)]
    await stored(eve, 0.5)
    found = await ada.get(f"/tracks/{track}/similar", limit=1)

    assert [(one["track"]["id"], one["reason"]["code"]) for one in found] == [(alike, "SIMILAR_FEATURES")]
    assert refusal(await eve.ask("GET", f"/tracks/{track}/similar")) == (404, "TRACK_NOT_FOUND")
    assert await eve.get("/recommendations", source="speech") == []


async def liked(client: ListeningClient, *spotify_ids: str) -> None:
    """Store and like tracks of Spotify, and wait for the preferences."""
    for spotify_id in spotify_ids:
        track_id = await stored(client, spotify_id=spotify_id, genres=("own",), artists=("Nina",))
        await acted(client, track_id, "like")
    await preferred(client, lambda one: len(one["top_tracks"]) == len(spotify_ids))


async def test_tracks_of_spotify_that_three_other_users_know_are_recommended(ada: ListeningClient) -> None:
    played, beside, private = ("A" * 22, "B" * 22, "C" * 22)
    await liked(ada.acting_as("usr_0"), played, beside, private)
    await liked(ada.acting_as("usr_1"), played, beside)
    assert await ada.get("/recommendations") == []
    await liked(ada.acting_as("usr_2"), played, beside)
    found = await ada.get("/recommendations")
    assert sorted(one["spotify_track"]["spotify_id"] for one in found) == [played, beside]
    assert {one["reason"]["code"] for one in found} == {"POPULAR"}

    first = found[0]["spotify_track"]
    assert (found[0]["track"], first["artists"]) == (None, ["Nina"])
    assert "own" not in str(found)
    own = await stored(ada, spotify_id=played)
    await acted(ada, own, "like")
    await preferred(ada, lambda one: bool(one["top_tracks"]))
    found = await ada.get("/recommendations", source="spotify")
    assert [(one["spotify_track"] or {}).get("spotify_id") for one in found] == [beside, None]
    assert found[0]["reason"]["code"] == "LISTENED_TOGETHER"
    similar = await ada.get(f"/tracks/{own}/similar")
    assert [(one["spotify_track"]["spotify_id"], one["reason"]["code"]) for one in similar] == [(beside, "LISTENED_TOGETHER")]
    assert await ada.get("/recommendations", source="upload") == []
    data(await ada.acting_as("usr_0").ask("DELETE", "/interactions"))
    assert all(one["track"] is not None for one in await ada.get("/recommendations"))


@pytest.mark.parametrize("limit", [0, 101])
async def test_limits_out_of_range_are_refused(ada: ListeningClient, limit: int) -> None:
    assert (await ada.ask("GET", "/recommendations", params={"limit": limit})).status_code == 422
