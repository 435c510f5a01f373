"""Tests of cloned voices from the sample to the withdrawal."""

from typing import Any

import httpx

from echo_common.contracts.system_settings import WATERMARK
from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.recordings import spoken, wav

ATTESTED = {"attested": True}
HISS = "A tone-hiss sentence that lasts for more than four seconds, so that it can be recognised."
"""Noise: the beeps of the test engine have too few frequencies for the watermark."""


async def recorded(person: Person) -> str:
    """A sample that is ready."""
    answer = await person.http.post("/voice/samples", files={"file": ("me.wav", wav(spoken()))}, data={"name": "Me"})
    sample_id: str = data(answer, 201)["sample_id"]

    async def ready() -> bool:
        sample = data(await person.http.get(f"/voice/samples/{sample_id}"))
        assert sample["status"] != "rejected", sample
        return bool(sample["status"] == "ready")

    await eventually(ready, within=90)
    return sample_id


async def cloned(person: Person, sample_id: str, name: str = "Me") -> str:
    """A trained clone."""
    body = {"name": name, "sample_ids": [sample_id], "consent": ATTESTED, "config": {"epochs": 3}}
    clone_id: str = data(await person.http.post("/voice/clones", json=body), 202)["clone_id"]
    events = [event async for event in person.watch(f"/voice/clones/{clone_id}/progress")]
    assert events[-1]["event"] == "complete"
    assert events[-2]["status"] == "completed"
    await eventually(lambda: known(person, clone_id))
    return clone_id


async def known(person: Person, clone_id: str) -> bool:
    """Return whether synthesis has received the event of the voice."""
    return bool((await person.http.get(f"/voices/{clone_id}")).is_success)


async def say(person: Person, **fields: Any) -> Any:
    return await person.http.post("/tts/synthesize", json={"text": "Hello brave new world.", **fields})


async def test_a_sample_becomes_a_voice_that_is_usable_until_consent_is_revoked(ada: Person, eve: Person) -> None:
    sample_id = await recorded(ada)
    clone_id = await cloned(ada, sample_id)

    mine = data(await ada.http.get("/voices"))[0]
    assert (mine["id"], mine["kind"], mine["name"]) == (clone_id, "clone", "Me")
    result = data(await say(ada, voice_id=clone_id))
    assert [word["word"] for word in result["word_timestamps"]] == ["Hello", "brave", "new", "world"]
    assert result["voice_id"] == clone_id
    assert refusal(await say(eve, voice_id=clone_id)) == (404, "VOICE_NOT_FOUND")
    assert (await ada.http.get(f"/voices/{clone_id}/preview")).headers["Content-Type"] == "audio/mpeg"
    assert refusal(await eve.http.get(f"/voices/{clone_id}/preview")) == (404, "VOICE_NOT_FOUND")

    data(await ada.http.post(f"/voice/clones/{clone_id}/select"))

    async def selected() -> bool:
        return bool(data(await say(ada))["voice_id"] == clone_id)

    await eventually(selected)
    assert data(await ada.http.post("/voices/tone_high/select")) == {"voice_id": "tone_high"}
    assert data(await say(ada))["voice_id"] == "tone_high"
    assert refusal(await ada.http.post("/voices/tone_none/select")) == (404, "VOICE_NOT_FOUND")
    assert data(await say(ada, voice_id=sample_id))["voice_id"] == clone_id
    data(await ada.http.post(f"/voices/{clone_id}/select"))

    clone = data(await ada.http.get(f"/voice/clones/{clone_id}"))
    data(await ada.http.post(f"/voice/consents/{clone['consent_id']}/revoke"))

    async def refused() -> bool:
        return bool((await say(ada, voice_id=clone_id)).status_code == 404)

    await eventually(refused, within=5)
    assert (await ada.audio(result)).status_code == 200
    assert data(await ada.http.get(f"/voice/clones/{clone_id}"))["status"] == "withdrawn"
    assert data(await say(ada))["voice_id"] == "tone_low"


async def test_speech_of_cloned_voices_is_recognised_and_administrators_see_the_user(
    ada: Person, eve: Person, admin: Person
) -> None:
    clone_id = await cloned(ada, await recorded(ada))
    me = data(await ada.http.get("/users/me"))["id"]
    job = await ada.queue(HISS, clone_id, output_format="mp3")
    finished = [event async for event in ada.follow(job["id"])][-2]
    assert finished["status"] == "completed"
    audio = (await ada.audio((await ada.job(job["id"]))["result"])).content

    async def verified(person: Person, sound: bytes) -> dict[str, Any]:
        found: dict[str, Any] = data(await person.http.post("/voice/verify", files={"file": ("x.bin", sound)}))
        return found

    for_eve = await verified(eve, audio)
    assert (for_eve["generated_here"], for_eve["cloned"], for_eve["origin"]) == (True, True, None)
    kinds = ["checksum", "manifest", "watermark"]
    assert [(mark["kind"], mark["verdict"]) for mark in for_eve["marks"]] == [(kind, "genuine") for kind in kinds]
    origin = (await verified(admin, audio))["origin"]
    assert (origin["user_id"], origin["job_id"], origin["voice_id"]) == (me, job["id"], clone_id)

    changed = await verified(admin, audio[:-100] + bytes(100))
    assert [mark["verdict"] for mark in changed["marks"]] == ["changed", "genuine"]
    assert (changed["generated_here"], changed["cloned"], changed["created_at"]) == (True, True, None)
    assert changed["origin"]["job_id"] == job["id"]
    assert refusal(await eve.http.post("/voice/verify", files={"file": ("x.bin", b"")})) == (422, "VALIDATION_ERROR")
    assert refusal(await eve.http.post("/voice/verify", json={})) == (422, "VALIDATION_ERROR")

    async def marked() -> bool:
        stream = await ada.http.post("/tts/synthesize/stream", json={"text": HISS, "voice_id": clone_id})
        kinds = [mark["kind"] for mark in (await verified(eve, stream.content))["marks"]]
        return kinds == ["checksum", "watermark"]

    async def unmarked() -> bool:
        return not await marked()

    assert await marked()
    setting = {"values": {WATERMARK.key: False}}
    assert refusal(await ada.http.put("/admin/config", json=setting)) == (403, "FORBIDDEN")
    data(await admin.http.put("/admin/config", json=setting))
    try:
        await eventually(unmarked)
        (entry,) = data(await admin.http.get("/admin/audit", params={"action": "setting_changed", "limit": 1}))
        assert entry["details"] == {"setting": WATERMARK.key, "value": False}
    finally:
        data(await admin.http.put("/admin/config", json={"values": {WATERMARK.key: None}}))
    await eventually(marked)


async def test_shared_voices_are_usable_until_unshared(ada: Person, eve: Person) -> None:
    clone_id = await cloned(ada, await recorded(ada))
    other_user_id = data(await eve.http.get("/users/me"))["id"]

    data(await ada.http.post(f"/voices/{clone_id}/shares", json={"user_id": other_user_id}))
    await eventually(lambda: known(eve, clone_id))
    assert data(await say(eve, voice_id=clone_id))["voice_id"] == clone_id

    data(await ada.http.delete(f"/voices/{clone_id}/shares", params={"user_id": other_user_id}))

    async def refused() -> bool:
        return bool((await say(eve, voice_id=clone_id)).status_code == 404)

    await eventually(refused, within=5)
    results = data(await ada.http.post("/voices/bulk-delete", json={"ids": [clone_id, "vm_unknown"]}))
    assert [result["deleted"] for result in results] == [True, False]
    await eventually(lambda: _gone(ada, clone_id), within=5)


async def test_the_echo_api_creates_stores_and_links_voice_models(ada: Person, eve: Person) -> None:
    me = data(await ada.http.get("/users/me"))["id"]
    root = str(ada.http.base_url).removesuffix("/v1/")
    audio = {"audio": ("me.wav", wav(spoken()))}

    made = (await ada.http.post(f"{root}/upload-reference", files=audio, data={"name": "Gran", "user_id": me})).json()
    assert made["success"], made
    assert made["database_record"]["user_id"] == me
    assert made["database_record"]["name"] == "Gran"

    echo = (await ada.http.post(f"{root}/echo", json={"user_id": me, "name": "Gran", "persona_prompt": "Be kind."})).json()
    model_id = made["database_record"]["_id"]
    linked = (await ada.http.patch(f"{root}/voice-models/{model_id}", json={"echo_id": echo["_id"]})).json()
    assert linked["voice_model"]["echo_id"] == echo["_id"]
    assert (await ada.http.get(f"{root}/echo/{echo['_id']}/voice-model")).json()["voice_model"]["_id"] == model_id

    listed = (await ada.http.get(f"{root}/voice-models", params={"user_id": me})).json()
    assert (listed["count"], listed["voice_models"][0]["_id"]) == (1, model_id)
    stranger = await eve.http.get(f"{root}/voice-models/{model_id}")
    assert (stranger.status_code, stranger.json()) == (404, {"error": "Voice model not found"})
    assert (await eve.http.get(f"{root}/voice-models", params={"user_id": me})).status_code == 403
    who = {"email": data(await ada.http.get("/users/me"))["email"]}
    document = (await ada.http.post(f"{root}/users/Ada", json=who)).json()
    assert (document["_id"], document["name"], document["email"]) == (me, "Ada", who["email"])
    assert (await eve.http.post(f"{root}/users/Ada", json=who)).status_code == 403
    unknown = await ada.http.post(f"{root}/synthesize", json={"text": "Hello.", "reference_id": "nobody"})
    assert (unknown.status_code, set(unknown.json())) == (404, {"error"})
    async with httpx.AsyncClient() as nobody:
        refused = await nobody.get(f"{root}/voice-models")
        assert (refused.status_code, set(refused.json())) == (401, {"error"})

    async def speaks() -> bool:
        body = {"text": "Hello dear.", "reference_id": made["reference_id"]}
        return bool((await ada.http.post(f"{root}/synthesize", json=body)).headers["Content-Type"] == "audio/mpeg")

    await eventually(speaks)
    assert (await ada.http.delete(f"{root}/voice-models/{model_id}")).json()["success"]
    assert (await ada.http.get(f"{root}/voice-models/{model_id}")).status_code == 404


async def test_trainings_are_cancelled_resumed_and_listed(ada: Person) -> None:
    sample_id = await recorded(ada)
    body = {"name": "tone-hang", "sample_ids": [sample_id], "consent": ATTESTED, "config": {"epochs": 2}}
    clone_id = data(await ada.http.post("/voice/clones", json=body), 202)["clone_id"]

    async def training() -> bool:
        return bool(data(await ada.http.get(f"/voice/clones/{clone_id}"))["status"] == "training")

    await eventually(training)
    patched = data(await ada.http.patch(f"/voice/clones/{clone_id}", json={"status": "cancelled", "name": "Quick"}))
    assert (patched["status"], patched["name"]) == ("cancelled", "Quick")

    data(await ada.http.post(f"/voice/clones/{clone_id}/train", json={}), 202)
    events = [event async for event in ada.watch(f"/voice/clones/{clone_id}/progress")]
    assert (events[-2]["status"], events[-2]["progress"]) == ("completed", 100)
    history = data(await ada.http.get(f"/voice/clones/{clone_id}/trainings"))
    assert [training["status"] for training in history] == ["completed", "cancelled"]


async def test_deleted_voices_are_unusable_and_their_audio_remains(ada: Person) -> None:
    clone_id = await cloned(ada, await recorded(ada))
    result = data(await say(ada, voice_id=clone_id))

    data(await ada.http.delete(f"/voice/clones/{clone_id}"))

    await eventually(lambda: _gone(ada, clone_id), within=5)
    assert refusal(await say(ada, voice_id=clone_id)) == (404, "VOICE_NOT_FOUND")
    assert (await ada.audio(result)).status_code == 200


async def _gone(person: Person, clone_id: str) -> bool:
    return not await known(person, clone_id)


async def test_voices_are_filtered_and_paged(ada: Person) -> None:
    async def listed(**query: Any) -> list[str]:
        return [voice["id"] for voice in data(await ada.http.get("/voices", params=query))]

    everything = await listed(language="en", kind="built-in", engine="tone")
    assert everything == ["tone_low", "tone_high"]
    assert await listed(text="HIGH", language="en-US", gender="neutral", tag="test") == ["tone_high"]
    assert await listed(language="fr", engine="tone") == []
    page = (await ada.http.get("/voices", params={"engine": "tone", "page": 2, "page_size": 1})).json()
    assert [voice["id"] for voice in page["data"]] == ["tone_high"]
    assert page["meta"]["pagination"]["total_count"] == 2
    assert refusal(await ada.http.get("/voices", params={"kind": "builtin"})) == (422, "VALIDATION_ERROR")
