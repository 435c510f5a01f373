"""Tests of uploads of the Echo API without a token and by the local user."""

import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_voice.dependencies import Dependencies
from echo_voice.domain.echos import Echo
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.usecases import echos
from tests.integration.voice.conftest import Start, VoiceClient
from tests.integration.voice.test_fish import making
from tests.support.eventually import eventually
from tests.support.provider import Provider
from tests.support.rawhttp import RawClient

UPLOAD = "/upload-reference"
GUIDES_USER = "507f1f77bcf86cd799439011"


@pytest.fixture
def fish() -> Iterator[Provider]:
    with Provider(making).serving() as provider, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ECHO_VOICE_FISH_BASE_URL", provider.url)
        environment.setenv("ECHO_VOICE_FISH_API_KEY", "fish-secret-key")
        yield provider


async def begun(voice_client: VoiceClient, client: RawClient) -> None:
    """Announce a large upload without a token and send no byte of it."""
    host = urlsplit(str(voice_client.http.base_url)).netloc
    client.send(
        f"POST {UPLOAD} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 40000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
    )


async def refused_unread(voice_client: VoiceClient) -> tuple[int, str]:
    async with RawClient.at(str(voice_client.http.base_url)) as client:
        await begun(voice_client, client)
        response = await client.response()
        return response.status, json.loads(response.body)["error"]


async def test_an_upload_without_a_token_is_refused_unread_by_default(start: Start, fish: Provider) -> None:
    async with start(providers=("fish",)) as voice_client:
        assert (await refused_unread(voice_client))[0] == 401


async def test_a_missing_storing_provider_is_detected_before_the_upload_is_read(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo_voice.providers.tone.ToneProvider.stores_voices", False)
    async with start(anonymous_uploads=True) as voice_client:
        status, sentence = await refused_unread(voice_client)
        assert (status, sentence[:6]) == (401, "Voices")


async def test_concurrent_uploads_without_a_token_are_limited(start: Start, fish: Provider, speech: bytes) -> None:
    async with start(providers=("fish",), anonymous_uploads=True, anonymous_uploads_at_once=1) as voice_client:
        async with RawClient.at(str(voice_client.http.base_url)) as slow:
            await begun(voice_client, slow)

            async def full() -> bool:
                response = await voice_client.http.post(UPLOAD, files={"audio": ("a", b"")})
                return response.status_code == 429 and int(response.headers["Retry-After"]) > 0

            await eventually(full)
            assert (await refused_unread(voice_client))[0] == 429

        async def free() -> bool:
            return (await voice_client.http.post(UPLOAD, files={"audio": ("me.wav", speech)})).status_code == 200

        await eventually(free, within=60)


async def test_daily_uploads_without_a_token_are_limited_across_replicas_and_restarts(start: Start, fish: Provider) -> None:
    settings = {"providers": ("fish",), "anonymous_uploads": True, "anonymous_uploads_a_day": 3}
    for _ in range(2):
        async with start(**settings) as voice_client:
            for _ in range(2):
                await voice_client.http.post(UPLOAD, files={"audio": ("me.wav", b"no sound")})
    async with start(**settings) as voice_client:
        status, sentence = await refused_unread(voice_client)
        assert (status, sentence[:9]) == (429, "3 uploads")


@pytest.fixture
async def local(start: Start) -> AsyncIterator[VoiceClient]:
    async with start() as voice_client:
        yield voice_client.acting_as(LOCAL_USER_ID)


async def test_data_of_the_local_user_is_separated_by_client_user_id(local: VoiceClient, speech: bytes) -> None:
    files = {"audio": ("me.wav", speech)}
    first = (await local.ask("POST", UPLOAD, files=files, data={"user_id": GUIDES_USER, "name": "First"})).json()
    second = (await local.ask("POST", UPLOAD, files=files, data={"user_id": "another", "name": "Second"})).json()
    unnamed = (await local.ask("POST", UPLOAD, files=files)).json()
    assert (first["database_record"]["user_id"], second["database_record"]["user_id"]) == (GUIDES_USER, "another")
    assert (unnamed["success"], "database_record" in unnamed) == (True, False)

    listed = (await local.ask("GET", "/voice-models", params={"user_id": GUIDES_USER})).json()
    assert [record["name"] for record in listed["voice_models"]] == ["First"]
    assert (await local.ask("GET", "/voice-models")).json()["count"] == 3
    body = {"user_id": GUIDES_USER, "name": "Echo", "persona_prompt": "Be kind.", "voice_model_id": first["model_id"]}
    assert (await local.ask("POST", "/echo", json=body)).json()["user_id"] == GUIDES_USER

    ada = local.acting_as("usr_ada")
    assert (await ada.ask("GET", "/voice-models", params={"user_id": GUIDES_USER})).status_code == 403
    assert (await ada.ask("GET", f"/voice-models/{first['database_record']['_id']}")).status_code == 404


async def test_an_echo_whose_voice_model_is_deleted_meanwhile_is_not_created(
    ada: VoiceClient, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = (await ada.ask("POST", UPLOAD, files={"audio": ("me.wav", speech)})).json()["database_record"]["_id"]
    add = echos.add_echo

    async def add_and_delete_model(echo: Echo, deps: Dependencies) -> Echo:
        added = await add(echo, deps)
        await deps.models.update(model_id, VoiceModel.delete)
        return added

    monkeypatch.setattr(echos, "add_echo", add_and_delete_model)
    refused = await ada.ask("POST", "/echo", json={"name": "Echo", "voice_model_id": model_id})
    assert refused.status_code == 404
    assert (await ada.ask("GET", "/echo")).json()["count"] == 0


async def test_empty_user_ids_are_refused(local: VoiceClient, speech: bytes) -> None:
    refused = [
        await local.ask("POST", UPLOAD, files={"audio": ("me.wav", speech)}, data={"user_id": ""}),
        await local.ask("GET", "/voice-models", params={"user_id": ""}),
        await local.ask("POST", "/echo", json={"user_id": "", "name": "Echo"}),
    ]
    assert [response.status_code for response in refused] == [422, 422, 422]
    assert all("user_id" in response.json()["error"] for response in refused)
    assert (await local.ask("GET", "/voice-models")).json()["count"] == 0


async def test_uploads_answer_in_the_words_of_the_guide_and_tell_how_to_follow_the_training(
    ada: VoiceClient, speech: bytes
) -> None:
    made = (
        await ada.ask("POST", UPLOAD, files={"audio": ("C:\\\\voices\\\\recording.mp3", speech)}, data={"name": "Me"})
    ).json()
    record = made["database_record"]

    assert made["message"] == "Reference audio uploaded successfully and saved to database"
    assert record["audio_file_path"] == "recording.mp3"
    assert record["status"] in {"pending", "training", "ready"}

    async def ready() -> bool:
        path = record["status_url"].removeprefix("/api")
        return bool((await ada.ask("GET", path)).json()["voice_model"]["status"] == "ready")

    await eventually(ready, within=30)
    deleted = (await ada.ask("DELETE", f"/voice-models/{record['_id']}")).json()
    assert deleted == {"success": True, "message": "Voice model deleted"}


async def test_voice_models_are_unlinked_from_their_echo(ada: VoiceClient, speech: bytes) -> None:
    model_id = (await ada.ask("POST", UPLOAD, files={"audio": ("me.wav", speech)})).json()["database_record"]["_id"]
    echo_id = (await ada.ask("POST", "/echo", json={"name": "Echo", "voice_model_id": model_id})).json()["_id"]
    path = f"/voice-models/{model_id}"
    renamed = (await ada.ask("PATCH", path, json={"name": "Renamed"})).json()["voice_model"]
    assert (renamed["name"], renamed["echo_id"]) == ("Renamed", echo_id)

    unlinked = (await ada.ask("PATCH", path, json={"echo_id": None})).json()["voice_model"]

    assert (unlinked["name"], unlinked["echo_id"]) == ("Renamed", None)
    missing = await ada.ask("GET", f"/echo/{echo_id}/voice-model")
    assert (missing.status_code, missing.json()) == (404, {"error": "Voice model not found"})


async def test_unknown_values_and_fields_of_uploads_are_refused_by_name(ada: VoiceClient, speech: bytes) -> None:
    files = {"audio": ("me.wav", speech)}
    for fields, named in [
        ({"file_type": "image"}, "audio or video"),
        ({"nmae": "Me"}, "nmae"),
        ({"nmae": ""}, "no such field"),
    ]:
        refused = await ada.ask("POST", UPLOAD, files=files, data=fields)
        assert refused.status_code == 422
        assert named in refused.json()["error"]
    sample = await ada.upload(speech, lang="en")
    assert sample.status_code == 422
    assert sample.json()["error"]["details"][0]["field"] == "lang"
    assert (await ada.ask("GET", "/voice-models")).json()["count"] == 0
