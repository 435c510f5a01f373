"""A user exports everything, and nothing of others."""

import hashlib
import io
import json
import wave
from typing import Any
from zipfile import ZipFile

from tests.support.owned_data import SENTENCE, OwnedData, exported
from tests.support.person import Person, data
from tests.support.platform import Platform


async def archive_of(person: Person, export_id: str) -> ZipFile:
    """Download an archive by a signed link, as a browser does."""
    link = data(await person.http.post(f"/users/me/exports/{export_id}/link"))["url"]
    async with Person.at(str(person.http.base_url).removesuffix("/api/v1/")) as browser:
        response = await browser.http.get(link.removeprefix("/api/v1"))
    assert response.status_code == 200, response.text
    assert response.headers["Content-Disposition"].startswith("attachment")
    return ZipFile(io.BytesIO(response.content))


def documents(archive: ZipFile, collection: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(archive.read(f"{collection}.json"))
    return found


async def test_an_export_holds_everything_of_its_user_alone(platform: Platform, eve: Person) -> None:
    async with Person.at(platform.url) as owner:
        owned = await OwnedData.of(owner)
        others = await eve.speak("The secret of Eve.")
        data(await eve.http.post("/texts", json={"content": "Another secret of Eve."}), 201)
        export = await exported(owner)
        archive = await archive_of(owner, export["export_id"])

    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["user_id"], manifest["missing"]) == (owned.ids["user_id"], [])
    assert manifest["services"] == ["auth", "synthesis", "voice", "feedback", "listening"]
    contents = {entry["name"]: archive.read(entry["name"]) for entry in manifest["files"]}
    assert {*contents, "manifest.json"} == set(archive.namelist())
    for entry in manifest["files"]:
        content = contents[entry["name"]]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])

    ids = owned.ids
    assert documents(archive, "profile")[0]["email"] == owned.email
    assert {job["id"] for job in documents(archive, "jobs")} == {ids["job_id"]}
    assert ids["audio_id"] in {audio["id"] for audio in documents(archive, "audio")}
    assert {text["content"] for text in documents(archive, "texts")} == {SENTENCE}
    assert {entry["id"] for entry in documents(archive, "dictionary")} == {ids["entry_id"]}
    assert {sample["id"] for sample in documents(archive, "samples")} == {ids["sample_id"]}
    assert {model["id"] for model in documents(archive, "voice_models")} == {ids["clone_id"]}
    assert {consent["id"] for consent in documents(archive, "consents")} == {ids["consent_id"]}
    assert {key["id"] for key in documents(archive, "api_keys")} == {ids["key_id"]}
    assert {passkey["id"] for passkey in documents(archive, "passkeys")} == {ids["passkey_id"]}
    assert {rating["id"] for rating in documents(archive, "ratings")} == {ids["rating_id"]}
    assert ids["track_id"] in {track["id"] for track in documents(archive, "tracks")}
    assert {playlist["id"] for playlist in documents(archive, "playlists")} == {ids["playlist_id"]}
    assert {session["id"] for session in documents(archive, "group_sessions")} == {ids["group_session_id"]}
    assert [update["type"] for update in documents(archive, "playlist_updates")] == ["create"]
    assert "rating_submitted" in {entry["action_type"] for entry in documents(archive, "usage_history")}

    sounds = [name for name in contents if name.startswith("audio/") and name.endswith(".wav")]
    assert len(sounds) == len(documents(archive, "audio")) == 2
    recordings = [name for name in contents if name.startswith("samples/") and "processed" not in name]
    assert len(recordings) == 1
    for name in (*sounds, *recordings):
        with wave.open(io.BytesIO(contents[name])) as sound:
            assert sound.getnframes() > 0
    assert any(SENTENCE.rstrip(".") in name and ids["audio_id"] in name for name in sounds)

    other_id = data(await eve.http.get("/users/me"))["id"]
    for secret in (other_id, others["audio_id"], others["synthesis_id"], "secret of Eve"):
        assert not [name for name, content in contents.items() if secret.encode() in content or secret in name]
