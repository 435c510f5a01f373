"""What belongs to one user stays with that user: idempotency keys, tickets, links, cached audio."""

import asyncio

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform
from tests.support.recordings import spoken, wav

STREAM = "/tts/synthesize/stream"
KEY = {"Idempotency-Key": "once"}


async def test_a_key_on_another_operation_is_another_key(ada: Person, eve: Person) -> None:
    first = data(await ada.http.post("/tts/synthesize/async", json={"text": "One.", "voice_id": "tone_low"}, headers=KEY))
    second = data(await ada.http.post("/job", json={"text_content": "Two.", "voice_model_id": "tone_low"}, headers=KEY))
    third = data(await ada.http.post("/tts/generate", json={"text": "Three.", "voice_name": "tone_low"}, headers=KEY))
    assert len({first["job_id"], second["id"], third["job_id"]}) == 3
    assert (second["text_content"], third["text"]) == ("Two.", "Three.")

    again = await ada.http.post("/jobs", json={"voice_model_id": "tone_low", "text_content": "Two."}, headers=KEY)
    assert (data(again)["id"], again.headers["Idempotency-Replayed"]) == (second["id"], "true")
    other = await ada.http.post("/jobs", json={"text_content": "Four.", "voice_model_id": "tone_low"}, headers=KEY)
    assert refusal(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    stranger = await eve.http.post("/job", json={"text_content": "Two.", "voice_model_id": "tone_low"}, headers=KEY)
    assert data(stranger)["id"] != second["id"]


async def test_an_upload_that_is_sent_again_is_one_sample(ada: Person) -> None:
    recording = wav(spoken())
    sent = [
        await ada.http.post("/voice/samples", files={"file": ("me.wav", content)}, data={"name": "Me"}, headers=KEY)
        for content in (recording, recording, recording[:-2])
    ]
    assert data(sent[0], 201) == data(sent[1], 201)
    assert sent[0].request.headers["Content-Type"] != sent[1].request.headers["Content-Type"]
    assert refusal(sent[2]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(data(await ada.http.get("/voice/samples"))) == 1


async def test_tickets_end_with_their_session(platform: Platform, ada: Person) -> None:
    issued = await asyncio.gather(*(ada.http.post(f"{STREAM}/ticket") for _ in range(400)))
    tickets = iter([data(answer)["ticket"] for answer in issued])
    assert (await ada.http.post("/auth/logout")).is_success

    async def logged_out() -> bool:
        return (await ada.http.get("/users/me")).status_code == 401

    await eventually(logged_out)
    async with Person.at(platform.url) as page:

        async def refused() -> bool:
            query = {"text": "Still here?", "voice_id": "tone_low", "ticket": next(tickets)}
            response = await page.http.get(STREAM, params=query)
            return response.status_code == 401 and refusal(response) == (401, "TICKET_INVALID")

        await eventually(refused)


async def test_a_link_is_not_kept_for_another_user_after_its_end(platform: Platform, ada: Person, eve: Person) -> None:
    result = await ada.speak("Only for a moment.")
    link = data(await ada.http.post(f"/files/{result['audio_id']}/link", json={"expires_in": 2}))["url"]
    opened = await eve.http.get(platform.url + link)
    assert opened.status_code == 200
    assert "immutable" not in opened.headers["Cache-Control"]
    assert int(opened.headers["Cache-Control"].split("max-age=")[1].split(",")[0]) <= 2

    async def over() -> bool:
        return (await eve.http.get(platform.url + link)).status_code == 403

    await eventually(over, within=5)
    assert refusal(await eve.audio(result)) == (404, "AUDIO_NOT_FOUND")


async def test_cached_audio_has_the_id_of_its_own_request(ada: Person) -> None:
    result = await ada.speak("Asked for three times.")
    answers = [await ada.audio(result, **{"X-Request-ID": f"req_number_{number}"}) for number in range(3)]
    assert [answer.headers.get_list("X-Request-ID") for answer in answers] == [[f"req_number_{n}"] for n in range(3)]
    assert {answer.headers["Vary"] for answer in answers} == {"Authorization"}
    assert (await ada.http.delete(f"/files/audio/{result['audio_id']}")).is_success
    assert refusal(await ada.audio(result)) == (404, "AUDIO_NOT_FOUND")


async def test_what_another_user_has_had_spoken_does_not_show(ada: Person, eve: Person) -> None:
    text = "Nobody must know this. Nor this."
    body = {"text": text, "voice_id": "tone_low"}
    for person in (ada, eve):
        first = await person.http.post("/tts/synthesize", json=body)
        assert (data(first)["cached_units"], first.headers["Echo-Cache"]) == (0, "miss")
        streamed = await person.http.post(STREAM, json=body, headers={"Accept": "text/event-stream"})
        assert '"cached_units": 2' in streamed.text or '"cached_units":2' in streamed.text
    job = await eve.queue(text)
    events = [event async for event in eve.follow(job["id"])]
    assert events[-2]["status"] == "completed"
    assert (await eve.job(job["id"]))["result"]["cached_units"] == 2
