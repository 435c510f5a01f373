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


@pytest.mark.parametrize("limit", [0, 101])
async def test_limits_out_of_range_are_refused(ada: ListeningClient, limit: int) -> None:
    assert (await ada.ask("GET", "/recommendations", params={"limit": limit})).status_code == 422
