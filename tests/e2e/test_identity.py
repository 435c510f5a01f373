"""Idempotency keys, tickets, links and cached audio belong to one user."""

import asyncio
from functools import partial

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform
from tests.support.recordings import spoken, wav

STREAM = "/tts/synthesize/stream"
KEY = {"Idempotency-Key": "once"}


async def test_idempotency_keys_are_independent_per_operation(ada: Person, eve: Person) -> None:
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


async def test_repeated_uploads_create_a_single_sample(ada: Person) -> None:
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


async def test_expired_links_are_not_served_to_another_user(platform: Platform, ada: Person, eve: Person) -> None:
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


async def test_cached_audio_has_its_own_request_id(ada: Person) -> None:
    result = await ada.speak("Asked for three times.")
    answers = [await ada.audio(result, **{"X-Request-ID": f"req_number_{number}"}) for number in range(3)]
    assert [answer.headers.get_list("X-Request-ID") for answer in answers] == [[f"req_number_{n}"] for n in range(3)]
    assert {answer.headers["Vary"] for answer in answers} == {"Authorization"}
    assert (await ada.http.delete(f"/files/audio/{result['audio_id']}")).is_success
    assert refusal(await ada.audio(result)) == (404, "AUDIO_NOT_FOUND")


async def test_speech_of_other_users_is_not_disclosed(ada: Person, eve: Person) -> None:
    text = "Nobody must know this. Nor this."
    body = {"text": text, "voice_id": "tone_low"}

    async def cached(person: Person) -> tuple[int, str]:
        response = await person.http.post("/tts/synthesize", json=body)
        return data(response)["cached_units"], response.headers["Echo-Cache"]

    async def streamed_from_cache() -> bool:
        response = await eve.http.post(STREAM, json=body, headers={"Accept": "text/event-stream"})
        return '"cached_units":2' in response.text.replace(" ", "")

    async def spoken_from_cache() -> bool:
        return await cached(eve) == (2, "hit")

    assert await cached(ada) == (0, "miss")
    assert await cached(eve) == (0, "miss")
    await eventually(streamed_from_cache)  # replicas hear of it a moment later
    await eventually(spoken_from_cache)
    job = await eve.queue(text)
    events = [event async for event in eve.follow(job["id"])]
    assert events[-2]["status"] == "completed"
    assert (await eve.job(job["id"]))["result"]["cached_units"] == 2


async def test_outsiders_have_no_access(platform: Platform, ada: Person, eve: Person) -> None:
    mine, hers = await ada.speak("This is mine."), await eve.speak("This is hers.")
    job = await ada.queue("A job of mine.")
    text = data(await ada.http.post("/texts", json={"content": "A text of mine."}), 201)
    link = data(await ada.http.post(f"/files/{mine['audio_id']}/link"))["url"]
    ticket = data(await ada.http.post(f"{STREAM}/ticket"))["ticket"]
    me = data(await ada.http.get("/users/me"))["id"]
    [event async for event in ada.follow(job["id"])]
    calls: list[tuple[str, str, dict[str, str] | None]] = [
        ("GET", f"/files/audio/{mine['audio_id']}", None),
        ("DELETE", f"/files/audio/{mine['audio_id']}", None),
        ("GET", f"/files/{mine['audio_id']}/info", None),
        ("POST", f"/files/{mine['audio_id']}/link", None),
        ("GET", f"/tts/{mine['synthesis_id']}", None),
        ("GET", f"/tts/{mine['audio_id']}/download", None),
        ("GET", f"/tts/{mine['synthesis_id']}/captions.srt", None),
        ("DELETE", f"/tts/{mine['synthesis_id']}", None),
        ("GET", f"/job/{job['id']}", None),
        ("GET", f"/jobs/{job['id']}/progress", None),
        ("PUT", f"/job/{job['id']}", {"text_content": "Hers now."}),
        ("PATCH", f"/job/{job['id']}", {"status": "cancelled"}),
        ("POST", f"/job/{job['id']}/retry", None),
        ("DELETE", f"/job/{job['id']}", None),
        ("GET", f"/texts/{text['id']}", None),
        ("PATCH", f"/texts/{text['id']}", {"content": "Hers now."}),
        ("DELETE", f"/texts/{text['id']}", None),
        ("POST", "/tts/synthesize", {"text_id": text["id"], "voice_id": "tone_low"}),
        ("POST", "/job", {"text_id": text["id"], "voice_model_id": "tone_low"}),
    ]
    async with Person.at(platform.url) as gone, Person.at(platform.url) as nobody:
        await gone.register()
        await gone.http.post("/auth/logout")

        async def refused_everywhere() -> bool:
            return {(await gone.http.get("/job")).status_code for _ in range(8)} == {401}  # every replica knows

        await eventually(refused_everywhere)
        for method, path, body in calls:
            answers = [await person.http.request(method, path, json=body) for person in (eve, nobody, gone)]
            assert [answer.status_code for answer in answers] == [404, 401, 401], (method, path)
        assert (await nobody.http.get(platform.url + link.replace(mine["audio_id"], hers["audio_id"]))).status_code == 403
        for path in (f"/files/{mine['audio_id']}/info", f"/files/audio/{mine['audio_id']}"):
            query = dict(part.split("=", 1) for part in link.partition("?")[2].split("&"))
            expected = 200 if path.startswith("/files/audio") else 401
            assert (await nobody.http.get(path, params=query)).status_code == expected, "a link opens its audio alone"
        for path in ("/job", "/voices", f"/files/audio/{mine['audio_id']}"):
            assert (await nobody.http.get(path, params={"ticket": ticket})).status_code == 401, (
                "a ticket opens the stream alone"
            )
        assert (await nobody.http.delete(platform.url + link)).status_code == 401
    assert refusal(await eve.http.get("/job", params={"user_id": me})) == (403, "FORBIDDEN")
    assert (await ada.audio(mine)).status_code == 200
    assert data(await ada.http.get(f"/texts/{text['id']}"))["content"] == "A text of mine."


async def test_a_deactivated_user_is_refused_everywhere(platform: Platform, admin: Person) -> None:
    async with Person.at(platform.url) as mallory:
        email = await mallory.register()
        (found,) = data(await admin.http.get("/admin/users", params={"search": email}))
        assert data(await admin.http.patch(f"/admin/users/{found['id']}", json={"is_active": False}))["is_active"] is False

        async def refused(path: str) -> bool:
            return (await mallory.http.get(path)).status_code == 401

        for path in ("/users/me", "/job", "/voice/samples"):
            await eventually(partial(refused, path), within=5)
