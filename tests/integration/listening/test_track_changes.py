"""Owners change and delete their tracks; the audio stays, and nothing brings a deleted track back."""

from typing import Any

import pytest

from echo_common.contracts.events.listening import TrackDeleted
from echo_common.contracts.events.voice import VoiceModelDeleted, VoiceModelWithdrawn
from echo_common.contracts.voice_model import VoiceModelEvent
from echo_listening.domain.tracks import Track
from echo_listening.usecases import tracks
from tests.integration.listening.conftest import ListeningClient, audio_of
from tests.support.eventually import eventually
from tests.support.person import data, refusal


def without_voice(kind: type[VoiceModelEvent], voice_id: str) -> VoiceModelEvent:
    """Return the event of the deletion or the withdrawal of a voice."""
    return kind(
        voice_model_id=voice_id,
        user_id="usr_ada",
        revision=3,
        name="Ada",
        provider="local",
        engine="kokoro",
        reference="object:styles/x",
        language="en-US",
        gender="female",
        public=False,
        shared_with=(),
        usable=False,
    )


async def test_fields_that_a_request_names_are_changed(ada: ListeningClient) -> None:
    track = await ada.speech()
    path = f"/tracks/{track['id']}"

    changed = data(await ada.ask("PATCH", path, json={"name": " Evening Walk ", "genres": ["Folk", "folk"], "album": "Walks"}))
    assert (changed["name"], changed["genres"], changed["album"]) == ("Evening Walk", ["folk"], "Walks")
    assert [found["id"] for found in await ada.get("/tracks", search="evening")] == [track["id"]]

    again = data(await ada.ask("PATCH", path, json={"album": None, "artists": ["Ada"]}))
    assert (again["name"], again["album"], again["artists"], again["genres"]) == ("Evening Walk", None, ["Ada"], ["folk"])
    assert [found["id"] for found in await ada.get("/tracks", artist="Ada")] == [track["id"]]
    assert await ada.get(path) == again


@pytest.mark.parametrize(
    "body",
    [
        {"name": None},
        {"name": ""},
        {"name": "x" * 201},
        {"genres": ["x" * 51]},
        {"artists": [str(i) for i in range(21)]},
        {"id": "x"},
    ],
)
async def test_invalid_changes_are_refused(ada: ListeningClient, body: dict[str, Any]) -> None:
    track = await ada.speech()

    assert refusal(await ada.ask("PATCH", f"/tracks/{track['id']}", json=body)) == (422, "VALIDATION_ERROR")


async def test_tracks_of_other_users_are_neither_changed_nor_deleted(ada: ListeningClient, eve: ListeningClient) -> None:
    track = await ada.speech()
    path = f"/tracks/{track['id']}"

    assert refusal(await eve.ask("PATCH", path, json={"name": "Eve's"})) == (404, "TRACK_NOT_FOUND")
    assert refusal(await eve.ask("DELETE", path)) == (404, "TRACK_NOT_FOUND")
    assert (await ada.get(path))["name"] == track["name"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_changes_need_the_scope_for_writing(ada: ListeningClient, method: str) -> None:
    track = await ada.speech()
    limited = ada.acting_as("usr_ada", scope="listening:read")

    assert refusal(await limited.ask(method, f"/tracks/{track['id']}", json={"name": "x"})) == (403, "FORBIDDEN")


async def test_a_deleted_track_is_announced_and_no_repeated_event_brings_it_back(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    track = await ada.speech(audio_id=event.audio_id)

    assert (await ada.ask("DELETE", f"/tracks/{track['id']}")).status_code == 200
    await tracks.add_speech(event, ada.deps)

    assert refusal(await ada.ask("GET", f"/tracks/{track['id']}")) == (404, "TRACK_NOT_FOUND")
    assert refusal(await ada.ask("DELETE", f"/tracks/{track['id']}")) == (404, "TRACK_NOT_FOUND")

    async def without_features() -> bool:
        return await ada.deps.analyses.find_one({"_id": track["id"]}) is None

    await eventually(without_features)
    announced = [TrackDeleted.model_validate_json(message.body) for message in ada.heard if message.topic == TrackDeleted.topic]
    assert {(found.track_id, found.user_id) for found in announced} == {(track["id"], "usr_ada")}


@pytest.mark.parametrize("kind", [VoiceModelDeleted, VoiceModelWithdrawn])
async def test_tracks_lose_a_deleted_or_withdrawn_voice(ada: ListeningClient, kind: type[VoiceModelEvent]) -> None:
    track, other = await ada.speech(voice_id="vm_ada"), await ada.speech(voice_id="vm_other")
    await ada.publish(without_voice(kind, "vm_ada"))

    async def removed() -> bool:
        return (await ada.get(f"/tracks/{track['id']}"))["voice_id"] is None

    await eventually(removed)
    assert (await ada.get(f"/tracks/{track['id']}"))["audio_id"] == track["audio_id"]
    assert (await ada.get(f"/tracks/{other['id']}"))["voice_id"] == "vm_other"


async def test_the_deletion_of_a_voice_that_overtakes_the_creation_is_applied(ada: ListeningClient) -> None:
    event = audio_of("usr_ada", voice_id="vm_ada")
    await tracks.remove_voice("vm_ada", ada.deps)
    await tracks.add_speech(event, ada.deps)

    assert (await ada.deps.tracks.get(Track.id_of_speech(event.audio_id))).voice_id is None
