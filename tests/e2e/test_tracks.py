"""Users upload, play, change and delete tracks, in both modes."""

from tests.support.eventually import eventually
from tests.support.music import note
from tests.support.person import Person, data, refusal
from tests.support.recordings import wav

CONTENT = wav(note(57, 2))


async def test_an_upload_is_played_by_its_owner_alone_until_it_is_deleted(ada: Person, eve: Person) -> None:
    sent = await ada.http.post("/tracks", files={"file": ("Evening walk.wav", CONTENT)}, data={"genres": '["folk"]'})
    track = data(sent, 201)
    assert (track["name"], track["duration"], track["genres"]) == ("Evening walk", 2.0, ["folk"])
    audio = track["audio_url"].removeprefix("/api/v1")

    part = await ada.http.get(audio, headers={"Range": "bytes=44-143"})
    assert (part.status_code, part.content) == (206, CONTENT[44:144])
    unchanged = await ada.http.get(audio, headers={"If-None-Match": part.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert refusal(await eve.http.get(audio)) == (404, "TRACK_NOT_FOUND")

    async def analysed() -> bool:
        return bool(data(await ada.http.get(f"/tracks/{track['id']}"))["features_status"] == "complete")

    await eventually(analysed, within=60)
    assert data(await ada.http.patch(f"/tracks/{track['id']}", json={"name": "Walk"}))["name"] == "Walk"
    assert (await ada.http.delete(f"/tracks/{track['id']}")).status_code == 200
    assert refusal(await ada.http.get(audio)) == (404, "TRACK_NOT_FOUND")


async def test_a_file_that_is_not_audio_is_refused(ada: Person) -> None:
    refused = await ada.http.post("/tracks", files={"file": ("diary.wav", b"Dear diary, " * 100)})

    assert refusal(refused) == (422, "TRACK_NOT_AUDIO")
    assert data(await ada.http.get("/tracks", params={"source": "upload"})) == []
