"""Interactions are only appended, and preferences follow them."""

from collections.abc import Callable
from typing import Any

import pytest

from echo_common.contracts.events.listening import InteractionRecorded
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.ids import new_id
from echo_listening.usecases import preferences
from tests.integration.listening.conftest import ListeningClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal


async def acted(client: ListeningClient, track_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    body = {"track_id": track_id, "type": kind, **fields}
    found: dict[str, Any] = data(await client.ask("POST", "/interactions", json=body), 201)
    return found


async def preferred(client: ListeningClient, expected: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the preferences are as expected, and return them."""
    found: dict[str, Any] = {}

    async def derived() -> bool:
        found.update(await client.get("/preferences"))
        return expected(found)

    await eventually(derived, within=30)
    return found


async def test_interactions_are_listed_newest_first_and_filtered(ada: ListeningClient) -> None:
    first, second = (await ada.speech())["id"], (await ada.speech())["id"]
    playlist_id = new_id("playlist")
    played = await acted(ada, first, "play", position=1.5, playlist_id=playlist_id)
    liked = await acted(ada, second, "like")

    assert played.items() >= {"user_id": "usr_ada", "track_id": first, "type": "play", "position": 1.5}.items()
    assert (played["playlist_id"], liked["position"], liked["session_id"]) == (playlist_id, None, None)
    assert await ada.get("/interactions") == [liked, played]
    assert await ada.get("/interactions", track_id=first) == [played]
    assert await ada.get("/interactions", type="like") == [liked]
    assert await ada.get("/interactions", **{"from": liked["timestamp"], "type": "play"}) in ([], [played])
    assert await ada.get("/interactions", to="2020-01-01T00:00:00Z") == []
    assert await ada.get("/interactions", page_size=1, page=2) == [played]


async def test_interactions_are_announced(ada: ListeningClient) -> None:
    track_id = (await ada.speech())["id"]
    await acted(ada, track_id, "complete")

    def announced() -> list[tuple[str, str, str]]:
        events = [
            InteractionRecorded.model_validate_json(one.body) for one in ada.heard if one.topic == InteractionRecorded.topic
        ]
        return [(one.user_id, one.track_id, one.type) for one in events]

    await eventually(lambda: bool(announced()))
    assert announced() == [("usr_ada", track_id, "complete")]


async def test_tracks_of_other_users_are_refused(ada: ListeningClient, eve: ListeningClient) -> None:
    track_id = (await ada.speech())["id"]

    for body in ({"track_id": track_id, "type": "like"}, {"track_id": new_id("track"), "type": "like"}):
        assert refusal(await eve.ask("POST", "/interactions", json=body)) == (404, "TRACK_NOT_FOUND")
    stated = await eve.ask("PUT", "/preferences", json={"top_tracks": [track_id]})
    assert refusal(stated) == (404, "TRACK_NOT_FOUND")
    assert stated.json()["error"]["details"] == {"track_ids": [track_id]}
    assert await eve.get("/interactions") == []
    assert (await eve.get("/preferences"))["last_updated"] is None


@pytest.mark.parametrize(
    "fields", [{"type": "loved"}, {"position": -1}, {"position": True}, {"playlist_id": "x"}, {"user_id": "usr_eve"}]
)
async def test_invalid_interactions_are_refused(ada: ListeningClient, fields: dict[str, Any]) -> None:
    body = {"track_id": new_id("track"), "type": "like", **fields}

    assert (await ada.ask("POST", "/interactions", json=body)).status_code == 422


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_changes_need_the_scope_for_writing(ada: ListeningClient, method: str) -> None:
    reader = ada.acting_as("usr_ada", scope="listening:read")

    body = {"json": {"track_id": new_id("track"), "type": "like"}} if method == "POST" else {}
    assert refusal(await reader.ask(method, "/interactions", **body)) == (403, "FORBIDDEN")


async def test_preferences_follow_interactions(ada: ListeningClient, eve: ListeningClient) -> None:
    liked, skipped = (await ada.speech())["id"], (await ada.speech())["id"]
    await acted(ada, liked, "like")
    await acted(ada, skipped, "skip")
    found = await preferred(ada, lambda one: bool(one["derived"]["top_tracks"]))

    assert found["derived"]["top_tracks"] == found["top_tracks"] == [liked]
    assert found["stated"]["top_tracks"] == []
    await acted(ada, liked, "dislike")
    await acted(ada, skipped, "complete")
    await preferred(ada, lambda one: bool(one["top_tracks"] == [skipped]))
    assert (await eve.get("/preferences"))["top_tracks"] == []


async def test_the_oldest_of_too_many_interactions_are_removed(ada: ListeningClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "MOST_INTERACTIONS", 2)
    track_id = (await ada.speech())["id"]
    added = [await acted(ada, track_id, kind) for kind in ("play", "pause", "complete", "like")]

    async def removed() -> bool:
        return len(await ada.get("/interactions")) == 2

    await eventually(removed, within=30)
    assert await ada.get("/interactions") == [added[3], added[2]]


@pytest.mark.parametrize("names", [{"top_artists": ["Ni\u202ena"]}, {"genres": ["ja\nzz"]}, {"top_artists": ["x" * 201]}])
async def test_unprintable_names_are_not_stated(ada: ListeningClient, names: dict[str, list[str]]) -> None:
    assert refusal(await ada.ask("PUT", "/preferences", json=names)) == (422, "VALIDATION_ERROR")


async def test_stated_preferences_are_replaced_and_deleted(ada: ListeningClient) -> None:
    stated, liked = (await ada.speech())["id"], (await ada.speech())["id"]
    await acted(ada, liked, "like")
    await preferred(ada, lambda one: bool(one["derived"]["top_tracks"]))
    body = {"top_tracks": [stated], "top_artists": ["Nina"], "genres": ["Jazz", "jazz"], "features": {"energy": 0.5}}
    replaced = data(await ada.ask("PUT", "/preferences", json=body))

    assert (replaced["top_tracks"], replaced["genres"], replaced["features"]["energy"]) == ([stated, liked], ["jazz"], 0.5)
    assert replaced["stated"]["top_artists"] == ["Nina"]
    assert (await ada.get("/preferences"))["top_tracks"] == [stated, liked]
    data(await ada.ask("DELETE", "/preferences"))
    found = await ada.get("/preferences")
    assert (found["top_tracks"], found["top_artists"], found["features"]["energy"]) == ([liked], [], None)


async def test_deleted_interactions_leave_stated_preferences_alone(ada: ListeningClient, eve: ListeningClient) -> None:
    track_id, others = (await ada.speech())["id"], (await eve.speech())["id"]
    await acted(ada, track_id, "like")
    kept = await acted(eve, others, "like")
    await preferred(ada, lambda one: bool(one["top_tracks"]))
    data(await ada.ask("PUT", "/preferences", json={"genres": ["jazz"]}))
    data(await ada.ask("DELETE", "/interactions"))
    found = await ada.get("/preferences")

    assert (found["derived"]["top_tracks"], found["genres"]) == ([], ["jazz"])
    assert await ada.get("/interactions") == []
    assert await eve.get("/interactions") == [kept]


async def test_a_deleted_track_leaves_neither_interactions_nor_preferences(ada: ListeningClient) -> None:
    deleted, kept = await ada.speech(), (await ada.speech())["id"]
    await acted(ada, deleted["id"], "like")
    await acted(ada, kept, "complete")
    data(await ada.ask("PUT", "/preferences", json={"top_tracks": [deleted["id"]]}))
    await preferred(ada, lambda one: len(one["top_tracks"]) == 2)
    await ada.publish(AudioDeleted(audio_id=deleted["audio_id"], user_id="usr_ada"))
    found = await preferred(ada, lambda one: bool(one["top_tracks"] == [kept]))

    assert found["stated"]["top_tracks"] == []
    await eventually(lambda: _has_only(ada, kept))
    await preferences.request_derivation("usr_ada", ada.deps)
    await preferred(ada, lambda one: bool(one["top_tracks"] == [kept]))


async def _has_only(client: ListeningClient, track_id: str) -> bool:
    return {one["track_id"] for one in await client.get("/interactions")} == {track_id}
