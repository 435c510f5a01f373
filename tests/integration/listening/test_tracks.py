"""Each stored audio is a track of its user, whatever the order of its events."""

from typing import Any

import pytest

from echo_common.contracts.events.synthesis import AudioDeleted, AudioRevised
from echo_listening.domain.tracks import Track
from echo_listening.usecases import tracks
from tests.integration.listening.conftest import ListeningClient, audio_of
from tests.support.eventually import eventually
from tests.support.person import refusal


def revised(audio_id: str, **fields: Any) -> AudioRevised:
    """Return the event of the second revision of an audio of Ada, of twelve seconds."""
    values: dict[str, Any] = {
        "revision": 2,
        "counter": 2,
        "segment": 0,
        "duration": 12.0,
        "word_count": 21,
        "size_bytes": 1_200,
        "object_key": f"audio/{audio_id}/2.wav",
        "mime": "audio/wav",
    }
    return AudioRevised(audio_id=audio_id, user_id="usr_ada", **values | fields)


async def test_an_audio_is_a_track_of_its_user(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    track = await ada.speech(audio_id=event.audio_id)

    expected: dict[str, Any] = {
        "source": "speech",
        "artists": [],
        "album": None,
        "genres": [],
        "popularity": None,
        "duration": 10.0,
        "spotify_id": None,
        "cover_url": None,
        "audio_id": event.audio_id,
        "voice_id": "tone_low",
        "audio_url": f"/api/v1/files/audio/{event.audio_id}",
    }
    assert track.items() >= expected.items()
    assert track["name"].startswith("Speech 20")


async def test_tracks_are_listed_newest_first_and_filtered(ada: ListeningClient) -> None:
    first, second = await ada.speech(), await ada.speech()

    assert [track["id"] for track in await ada.get("/tracks")] == [second["id"], first["id"]]
    assert [track["id"] for track in await ada.get("/tracks", page_size=1, page=2)] == [first["id"]]
    assert len(await ada.get("/tracks", source="speech", search="speech 20")) == 2
    for nothing in ({"source": "upload"}, {"artist": "Nobody"}, {"search": "music"}):
        assert await ada.get("/tracks", **nothing) == []


async def test_tracks_of_other_users_are_not_found(ada: ListeningClient, eve: ListeningClient) -> None:
    track = await ada.speech()

    assert refusal(await eve.ask("GET", f"/tracks/{track['id']}")) == (404, "TRACK_NOT_FOUND")
    assert await eve.get("/tracks") == []


@pytest.mark.parametrize("scope", ["listening:write", "speech:read", "account"])
async def test_tracks_need_the_scope_for_reading(ada: ListeningClient, scope: str) -> None:
    limited = ada.acting_as("usr_ada", scope=scope)

    assert refusal(await limited.ask("GET", "/tracks")) == (403, "FORBIDDEN")


async def test_a_repeated_event_adds_no_other_track(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    await tracks.add_speech(event, ada.deps)
    await tracks.add_speech(event, ada.deps)

    assert await ada.deps.tracks.count({"user_id": "usr_ada"}) == 1


async def test_a_track_has_the_file_of_the_latest_revision(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    await tracks.add_speech(event, ada.deps)
    third = revised(event.audio_id, revision=3, counter=3, duration=13.0, object_key="audio/third.wav")
    for late in (third, event, revised(event.audio_id)):
        await ada.publish(late)

    async def used() -> bool:
        return (await ada.deps.tracks.get(Track.id_of_speech(event.audio_id))).audio_counter == 3

    await eventually(used)
    track = await ada.deps.tracks.get(Track.id_of_speech(event.audio_id))
    assert (track.duration, track.object_key, track.size) == (13.0, "audio/third.wav", 1_200)


async def test_a_revision_that_overtakes_the_creation_is_applied(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    await tracks.revise_speech(revised(event.audio_id), ada.deps)
    await tracks.add_speech(event, ada.deps)

    track = await ada.deps.tracks.get(Track.id_of_speech(event.audio_id))
    assert (track.duration, track.object_key) == (12.0, f"audio/{event.audio_id}/2.wav")


async def test_the_track_of_a_deleted_audio_is_removed(ada: ListeningClient) -> None:
    track = await ada.speech()
    await ada.publish(AudioDeleted(audio_id=track["audio_id"], user_id="usr_ada"))

    async def gone() -> bool:
        return (await ada.ask("GET", f"/tracks/{track['id']}")).status_code == 404

    await eventually(gone)


async def test_a_deletion_that_overtakes_the_creation_leaves_no_track(ada: ListeningClient) -> None:
    event = audio_of("usr_ada")
    await tracks.remove_speech(event.audio_id, ada.deps)
    await tracks.revise_speech(revised(event.audio_id), ada.deps)
    await tracks.add_speech(event, ada.deps)

    assert await ada.deps.tracks.count({"user_id": "usr_ada"}) == 0
