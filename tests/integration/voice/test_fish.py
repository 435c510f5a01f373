"""Tests of clones that Fish Audio trains, through its real SDK and wire format."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from echo_voice.providers.tone import ToneProvider
from tests.integration.voice.conftest import Start, VoiceClient
from tests.support import fish_server
from tests.support.person import data
from tests.support.provider import Provider, Reply

FISH_ID = fish_server.KNOWN


def making(reply: Reply) -> None:
    """A model that is in training after its creation and trained at the next request."""
    asked = reply.asked
    if asked.method == "POST" and asked.path == "/model":
        reply.whole(json.dumps(fish_server.model(FISH_ID, state="training")).encode(), status=201)
    else:
        reply.whole(json.dumps(fish_server.model(FISH_ID)).encode())


@pytest.fixture
def fish() -> Iterator[Provider]:
    with Provider(making).serving() as provider, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ECHO_VOICE_FISH_BASE_URL", provider.url)
        environment.setenv("ECHO_VOICE_FISH_API_KEY", "fish-secret-key")
        yield provider


@pytest.fixture
async def ada(fish: Provider, start: Start) -> AsyncIterator[VoiceClient]:
    async with start(providers=("fish",), anonymous_uploads=True, anonymous_uploads_a_day=3) as voice_client:
        yield voice_client


async def test_fish_trains_and_stores_the_clone(ada: VoiceClient, fish: Provider, speech: bytes) -> None:
    sample = await ada.sample(speech)

    clone = await ada.trained((await ada.clone(sample["id"], name="Gran"))["clone_id"])

    assert (clone["status"], clone["provider"], clone["engine"], clone["model_id"]) == ("ready", "fish", "fish", FISH_ID)
    made = fish.asked[0]
    assert (made.method, made.path) == ("POST", "/model")
    assert made.headers["authorization"] == "Bearer fish-secret-key"
    assert b"Gran" in made.body
    assert b"private" in made.body
    assert b"RIFF" in made.body


async def test_fish_trainings_do_not_wait_for_local_trainings(
    fish: Provider, start: Start, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToneProvider, "stores_voices", False)
    async with start(providers=("tone", "fish"), trainings_at_once=1) as ada:
        sample = await ada.sample(speech)
        endless = await ada.clone(sample["id"], name="tone-hang", provider="tone")

        clone = await ada.trained((await ada.clone(sample["id"], provider="fish"))["clone_id"])

        assert (clone["status"], clone["engine"]) == ("ready", "fish")
        assert (await ada.get(f"/voice/clones/{endless['clone_id']}"))["status"] in {"pending", "training"}


async def test_references_come_from_a_provider_that_stores_voices(
    fish: Provider, start: Start, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToneProvider, "stores_voices", False)
    async with start(providers=("tone", "fish"), anonymous_uploads=True) as ada:
        made = (await ada.http.post("/upload-reference", files={"audio": ("me.wav", speech)})).json()
        assert made == {
            "success": True,
            "model_id": FISH_ID,
            "reference_id": FISH_ID,
            "message": "Reference audio uploaded successfully",
        }


async def test_fish_errors_do_not_contain_the_key(ada: VoiceClient, fish: Provider, speech: bytes) -> None:
    sample = await ada.sample(speech)
    fish.then(fish_server.error(402, "No credit"))

    clone = await ada.trained((await ada.clone(sample["id"]))["clone_id"])

    assert (clone["status"], clone["error_code"]) == ("failed", "TRAINING_FAILED")
    assert "credit" in clone["error_message"]
    assert "secret" not in str(clone)


async def test_fish_errors_do_not_repeat_texts_of_the_user(ada: VoiceClient, fish: Provider, speech: bytes) -> None:
    sample = await ada.sample(speech)
    fish.then(fish_server.error(400, "The title 'Gran in Hospital' is not permitted."))

    clone = await ada.trained((await ada.clone(sample["id"], name="Gran in Hospital"))["clone_id"])

    assert (clone["status"], clone["error_code"]) == ("failed", "TRAINING_FAILED")
    assert clone["error_message"] == "Fish Audio refuses the samples (400)."


async def test_busy_responses_of_fish_are_retried(ada: VoiceClient, fish: Provider, speech: bytes) -> None:
    sample = await ada.sample(speech)
    fish.then(fish_server.throttled(), fish_server.error(503, "Later"))

    assert (await ada.trained((await ada.clone(sample["id"]))["clone_id"]))["status"] == "ready"


async def test_the_echo_api_returns_fishs_reference_and_stores_nothing_without_a_user(
    ada: VoiceClient, fish: Provider, speech: bytes
) -> None:
    files = {"audio": ("me.wav", speech)}
    nobody = (await ada.http.post("/upload-reference", files=files)).json()
    assert (nobody["success"], nobody["model_id"], nobody["reference_id"]) == (True, FISH_ID, FISH_ID)
    assert "database_record" not in nobody
    assert await ada.get("/voice/clones") == []

    mine = (await ada.ask("POST", "/upload-reference", files=files, data={"user_id": "usr_ada", "name": "Me"})).json()
    assert mine["model_id"] == FISH_ID
    assert mine["database_record"]["user_id"] == "usr_ada"
    assert mine["database_record"]["echo_id"] is None
    found = (await ada.ask("GET", f"/voice-models/{FISH_ID}")).json()
    assert found["voice_model"]["_id"] == mine["database_record"]["_id"]

    named = await ada.http.post("/upload-reference", files=files, data={"user_id": "usr_ada"})
    assert named.status_code == 401
    text = await ada.http.post("/upload-reference", files={"audio": ("me.wav", b"no sound")})
    assert text.status_code == 415
    assert set(text.json()) == {"error"}
    assert data(await ada.ask("GET", "/voice/samples"))[0]["status"] == "ready"
