"""Tests of every request in the Echo API's own guide, without a token where the operator enables it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.platform import TONE, Platform, require_form, started
from tests.support.recordings import spoken, wav
from tests.support.requirements import Require

TOKENLESS = {"ECHO_API_WITHOUT_TOKEN": "true"}
USER = "507f1f77bcf86cd799439011"


@pytest.fixture(scope="module", params=["embedded", pytest.param("distributed", marks=pytest.mark.full)])
def tokenless(request: pytest.FixtureRequest, require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp(f"tokenless-{request.param}")
    require_form(request.param, require, folder)
    with started(request.param, folder, settings=TONE | TOKENLESS) as found:
        yield found


@pytest.fixture
async def client(tokenless: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{tokenless.url}/api", timeout=60) as client:
        yield client


async def uploaded(client: httpx.AsyncClient, **fields: str) -> dict[str, Any]:
    answer = await client.post("/upload-reference", files={"audio": ("my_voice.wav", wav(spoken()))}, data=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_guide_works_without_a_token(client: httpx.AsyncClient) -> None:
    made = await uploaded(client, name="My Custom Voice", user_id=USER, file_type="audio")
    assert made["success"]
    assert made["model_id"] == made["reference_id"]
    record = made["database_record"]
    assert (record["user_id"], record["name"], record["file_type"]) == (USER, "My Custom Voice", "audio")
    assert record.keys() >= {"_id", "model_id", "audio_file_path", "echo_id", "created_at"}

    listed = (await client.get("/voice-models", params={"user_id": USER})).json()
    assert (listed["count"], listed["voice_models"][0]["model_id"]) == (1, made["model_id"])
    one = (await client.get(f"/voice-models/{made['model_id']}")).json()["voice_model"]
    assert (one["_id"], one["user_id"], one["echo_id"]) == (record["_id"], USER, None)

    persona = {"user_id": USER, "name": "My Echo", "persona_prompt": "You are a helpful assistant."}
    echo = (await client.post("/echo", json=persona | {"voice_model_id": made["model_id"]})).json()
    assert (echo["user_id"], echo["name"]) == (USER, "My Echo")
    linked = (await client.patch(f"/voice-models/{made['model_id']}", json={"echo_id": echo["_id"]})).json()
    assert linked["voice_model"]["echo_id"] == echo["_id"]
    assert (await client.get(f"/echo/{echo['_id']}/voice-model")).json()["voice_model"]["model_id"] == made["model_id"]

    async def speaks() -> bool:
        body = {"text": "Hello! This is my custom voice.", "reference_id": made["model_id"]}
        spoken_text = await client.post("/synthesize", json=body)
        return spoken_text.headers["Content-Type"] == "audio/mpeg" and len(spoken_text.content) > 1_000

    await eventually(speaks, within=30)
    assert (await client.delete(f"/voice-models/{record['_id']}")).json()["success"]
    gone = await client.get(f"/voice-models/{record['_id']}")
    assert (gone.status_code, gone.json()) == (404, {"error": "Voice model not found"})


async def test_uploads_without_a_user_return_no_record(client: httpx.AsyncClient) -> None:
    made = await uploaded(client, name="Nobody's")
    assert (made["success"], made["reference_id"], "database_record" in made) == (True, made["model_id"], False)


async def test_users_of_the_guide_have_an_id_for_uploads(client: httpx.AsyncClient) -> None:
    user = (await client.post("/users/test_user_123", json={"email": "test@example.com"})).json()
    assert (user["name"], user["email"], "access_token" in user) == ("test_user_123", "test@example.com", False)
    made = await uploaded(client, name="Test Voice", user_id=user["_id"])
    assert made["database_record"]["user_id"] == user["_id"]
    listed = (await client.get("/voice-models", params={"user_id": user["_id"]})).json()
    assert [model["name"] for model in listed["voice_models"]] == ["Test Voice"]


async def test_the_versioned_api_still_needs_a_token(client: httpx.AsyncClient) -> None:
    for path in ("/v1/voice/clones", "/v1/job", "/v1/users/me"):
        assert (await client.get(path)).status_code == 401, path


async def test_without_the_setting_every_request_of_the_guide_needs_a_token(platform: Platform) -> None:
    async with httpx.AsyncClient(base_url=f"{platform.url}/api", timeout=60) as client:
        audio = {"audio": ("my_voice.wav", wav(spoken()))}
        answers = [
            await client.post("/upload-reference", files=audio, data={"user_id": USER}),
            await client.post("/upload-reference", files=audio),
            await client.get("/voice-models", params={"user_id": USER}),
            await client.get("/voice-models/abc123"),
            await client.patch("/voice-models/abc123", json={"echo_id": "x"}),
            await client.delete("/voice-models/abc123"),
            await client.post("/echo", json={"name": "My Echo"}),
            await client.get("/echo/abc/voice-model"),
            await client.post("/synthesize", json={"text": "Hello.", "reference_id": "abc123"}),
            await client.post("/users/test_user_123", json={"email": "test@example.com"}),
        ]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert all(set(answer.json()) == {"error"} for answer in answers)
