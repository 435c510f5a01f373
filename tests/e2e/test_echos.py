"""Echos as voices of every request of speech, from their creation to their deletion."""

from typing import Any

import httpx

from tests.e2e.test_voices import cloned, recorded
from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal

TEXT = "Hugh tells a story."
SETTINGS = {"speed": 1.5, "pitch": 1.2, "volume": 0.5}
HUGH = {"term": "Hugh", "respelling": "hue"}


async def echo_of(person: Person, **fields: Any) -> str:
    """Create an echo; return its id."""
    body = {"name": "Grandmother", "voice_id": "tone_high", **fields}
    echo_id: str = data(await person.http.post("/echos", json=body), 201)["id"]
    return echo_id


async def say(person: Person, echo_id: str) -> httpx.Response:
    return await person.http.post("/tts/synthesize", json={"text": TEXT, "voice_id": echo_id})


async def checksum(person: Person, result: dict[str, Any]) -> str:
    info: dict[str, Any] = data(await person.http.get(f"/files/{result['audio_id']}/info"))
    return str(info["checksum"])


async def test_a_new_echo_speaks_at_once_as_its_voice_and_settings(ada: Person) -> None:
    plain = await ada.speak(TEXT, "tone_high", **SETTINGS)
    echo = await ada.speak(TEXT, await echo_of(ada, **SETTINGS))
    assert (echo["voice_id"], echo["duration"]) == ("tone_high", plain["duration"])
    assert await checksum(ada, echo) == await checksum(ada, plain)


async def test_a_repeated_creation_returns_the_same_echo(ada: Person) -> None:
    answers = [
        await ada.http.post("/echos", json={"name": "Grandmother"}, headers={"Idempotency-Key": "one echo"}) for _ in range(2)
    ]
    assert [answer.headers["ETag"] for answer in answers] == ['"1"', '"1"']
    assert [echo["id"] for echo in data(await ada.http.get("/echos"))] == [data(answers[1], 201)["id"]]


async def test_built_in_voices_are_looked_up_with_the_rights_of_the_request(ada: Person) -> None:
    key = data(await ada.http.post("/auth/keys", json={"name": "Program", "scopes": ["voices:write"]}), 201)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    refused = await ada.http.post("/echos", json={"name": "Echo", "voice_id": "tone_low"}, headers=headers)
    assert refusal(refused) == (403, "FORBIDDEN")
    assert data(await ada.http.post("/echos", json={"name": "Echo"}, headers=headers), 201)["voice_id"] is None


async def test_every_request_of_speech_accepts_an_echo(ada: Person) -> None:
    echo_id = await echo_of(ada, **SETTINGS, pronunciations=[HUGH])
    api = str(ada.http.base_url).removesuffix("/v1/")
    plain = {"text": TEXT, "voice_id": echo_id}
    ticket = data(await ada.http.post("/tts/synthesize/stream/ticket"))["ticket"]
    streams = [
        await ada.http.post("/tts/synthesize/stream", json={**plain, "config": {"output_format": "mp3"}}),
        await ada.http.get("/tts/synthesize/stream", params={**plain, "ticket": ticket}),
        await ada.http.post(f"{api}/synthesize", json={"text": TEXT, "reference_id": echo_id}),
        await ada.http.get(f"/voices/{echo_id}/preview"),
    ]
    assert [(answer.status_code, answer.headers["Content-Type"]) for answer in streams] == [(200, "audio/mpeg")] * 4
    assert len({answer.content for answer in streams[:3]}) == 1  # all with the values of the echo
    script = data(await ada.http.post("/tts/normalize", json=plain))
    assert script["spoken_text"] == "hue tells a story."

    queued = [
        data(await ada.http.post("/tts/synthesize/async", json=plain), 202)["job_id"],
        data(await ada.http.post("/tts/generate", json={"text": TEXT, "voice_name": echo_id}), 202)["job_id"],
        (await ada.queue(TEXT, echo_id))["id"],
    ]
    for job_id in queued:
        events = [event async for event in ada.follow(job_id)]
        assert events[-1]["event"] == "complete"
        job = await ada.job(job_id)
        assert (job["status"], job["voice_model_id"]) == ("completed", "tone_high")
        assert {name: job[name] for name in SETTINGS} == SETTINGS


async def test_an_echo_of_another_user_is_no_voice(ada: Person, eve: Person) -> None:
    echo_id = await echo_of(ada)
    assert (await say(ada, echo_id)).is_success
    assert refusal(await say(eve, echo_id)) == (404, "VOICE_NOT_FOUND")
    assert refusal(await eve.http.get(f"/voices/{echo_id}/preview")) == (404, "VOICE_NOT_FOUND")


async def test_changes_and_the_deletion_of_an_echo_reach_its_speech(ada: Person) -> None:
    echo_id = await echo_of(ada)
    unknown = await ada.http.patch(f"/echos/{echo_id}", json={"voice_id": "tone_none"})
    assert refusal(unknown) == (404, "VOICE_NOT_FOUND")
    data(await ada.http.patch(f"/echos/{echo_id}", json={"voice_id": "tone_low"}))

    async def changed() -> bool:
        return bool(data(await say(ada, echo_id))["voice_id"] == "tone_low")

    await eventually(changed)
    data(await ada.http.delete(f"/echos/{echo_id}"))

    async def deleted() -> bool:
        return (await say(ada, echo_id)).status_code == 404

    await eventually(deleted)
    history = data(await ada.http.get("/users/me/history", params={"limit": 100}))
    assert {"echo_created", "echo_changed", "echo_deleted"} <= {
        entry["action_type"] for entry in history if entry["related_id"] == echo_id
    }


async def test_an_echo_whose_clone_is_deleted_says_so(ada: Person) -> None:
    clone_id = await cloned(ada, await recorded(ada))
    echo_id = await echo_of(ada, voice_id=clone_id)
    assert data(await say(ada, echo_id))["voice_id"] == clone_id
    data(await ada.http.delete(f"/voice/clones/{clone_id}"))

    async def refused() -> bool:
        answer = await say(ada, echo_id)
        return answer.status_code == 404 and "Grandmother" in answer.json()["error"]["message"]

    await eventually(refused)
    data(await ada.http.patch(f"/echos/{echo_id}", json={"voice_id": None}))

    async def speaks() -> bool:
        return (await say(ada, echo_id)).is_success

    await eventually(speaks)
