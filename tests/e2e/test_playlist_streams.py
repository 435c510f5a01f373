"""The gapless stream of a playlist of generated speech, in both modes."""

import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data
from tests.support.platform import Platform
from tests.support.sound import seconds


async def test_a_playlist_of_speech_is_one_recording(platform: Platform, ada: Person) -> None:
    spoken = [await ada.speak(text) for text in ("The first track.", "The second track.")]
    track_ids = [f"track_{each['audio_id'].partition('_')[2]}" for each in spoken]

    async def known() -> bool:
        return all([(await ada.http.get(f"/tracks/{track_id}")).is_success for track_id in track_ids])

    await eventually(known)
    playlist = data(await ada.http.post("/playlists", json={"name": "Evening", "track_ids": track_ids}), 201)
    path = f"/playlists/{playlist['id']}"
    timeline = data(await ada.http.get(f"{path}/timeline"))
    assert [item["track_id"] for item in timeline["items"]] == track_ids
    assert timeline["items"][1]["start"] == timeline["items"][0]["duration"] > 0

    response = await ada.http.get(f"{path}/stream", params={"format": "flac"})

    assert response.headers["content-type"] == "audio/flac"
    assert response.headers["echo-skipped-tracks"] == "0"
    assert seconds(response.content, "flac", 48_000) == pytest.approx(timeline["duration"], abs=0.2)
    captions = (await ada.http.get(f"{path}/captions.vtt")).text
    assert captions.index("The first track.") < captions.index("The second track.")
    ticket = data(await ada.http.post(f"{path}/stream/ticket"))["ticket"]
    async with Person.at(platform.url) as player:
        assert (await player.http.get(f"{path}/stream", params={"ticket": ticket})).headers["content-type"] == "audio/mpeg"
