"""Ratings and the usage history of users, from the synthesis to the list of voices."""

import asyncio
from typing import Any

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform

SENTENCE = "Rate this sentence."


async def test_speech_can_be_rated_at_once_and_its_voice_shows_the_mean(
    platform: Platform, ada: Person, eve: Person, admin: Person
) -> None:
    before = data(await ada.http.get("/voices/tone_high"))["rating"] or {"count": 0}
    speech = await ada.speak(SENTENCE, voice="tone_high")
    body = {"audio_id": speech["audio_id"], "rating": 5, "reason": "wrong_pause", "start_word": 0, "end_word": 2}
    rating = data(await ada.http.post("/feedback", json=body), 201)
    assert refusal(await eve.http.post("/feedback", json=body)) == (404, "AUDIO_NOT_FOUND")
    job = await eve.queue(SENTENCE, voice="tone_high")
    [event async for event in eve.follow(job["id"])]
    audio_id = (await eve.job(job["id"]))["audio_id"]
    data(await eve.http.post("/feedback", json={"audio_id": audio_id, "rating": 4, "comment": "=SUM(A1)"}), 201)

    async def shown() -> bool:
        voice = next(found for found in data(await ada.http.get("/voices?sort_by=rating")) if found["id"] == "tone_high")
        return bool(voice["rating"] and voice["rating"]["count"] == before["count"] + 2)

    await eventually(shown, within=30)
    summary = data(await ada.http.get(f"/feedback/audio/{speech['audio_id']}/summary"))
    assert (summary["count"], summary["mean"], summary["reasons"]) == (1, 5.0, {"wrong_pause": 1})
    assert [found["id"] for found in data(await ada.http.get("/feedback"))] == [rating["id"]]
    listed = data(await admin.http.get("/admin/feedback", params={"voice_id": "tone_high"}))
    assert {found["audio_id"] for found in listed} >= {speech["audio_id"], audio_id}
    csv = await admin.http.get("/admin/feedback", headers={"Accept": "text/csv"})
    assert "'=SUM(A1)" in csv.text


async def test_concurrent_ratings_of_an_audio_leave_the_last_one(ada: Person) -> None:
    speech = await ada.speak(SENTENCE, voice="tone_high")
    before = data(await ada.http.get("/voices/tone_high"))["rating"] or {"count": 0, "mean": 0}
    bodies = [{"audio_id": speech["audio_id"], "rating": 1 + number % 5, "comment": f"{number}"} for number in range(30)]
    responses = await asyncio.gather(*(ada.http.post("/feedback", json=body) for body in bodies))
    assert [response.status_code for response in responses] == [201] * 30
    [last] = data(await ada.http.get("/feedback"))
    assert last in [data(response, 201) for response in responses]
    summary = data(await ada.http.get(f"/feedback/audio/{speech['audio_id']}/summary"))
    assert (summary["count"], summary["mean"]) == (1, last["rating"])
    total = before["count"] * before["mean"] + last["rating"]

    async def counted() -> bool:
        rating = data(await ada.http.get("/voices/tone_high"))["rating"]
        return bool(
            rating and (rating["count"], round(rating["mean"], 2)) == (before["count"] + 1, round(total / rating["count"], 2))
        )

    await eventually(counted, within=30)


async def test_an_accepted_offer_corrects_a_mispronounced_word(ada: Person, eve: Person) -> None:
    speech = await ada.speak("Nobody comes. Hugh waits.")
    body = {"audio_id": speech["audio_id"], "rating": 2, "reason": "mispronounced", "start_word": 2, "end_word": 2}
    rating = data(await ada.http.post("/feedback", json=body), 201)
    offer = rating["offer"]
    assert (offer["term"], offer["spoken"], offer["segment"]) == ("Hugh", "Hugh", 1)
    path = f"/feedback/{rating['id']}/dictionary-entry"
    assert refusal(await eve.http.post(path, json={"respelling": "hue"})) == (404, "RATING_NOT_FOUND")
    assert refusal(await ada.http.post(path, json={"ipa": "1 /"})) == (422, "VALIDATION_ERROR")
    job_id = data(await ada.http.post(path, json={"respelling": "hue"}), 202)["offer"]["acceptance"]["job_id"]
    assert [event async for event in ada.follow(job_id)][-2]["status"] == "completed"
    words = data(await ada.http.get(f"/tts/{speech['audio_id']}/segments/1"))["words"]
    assert [word["spoken"] for word in words] == ["hue", "waits"]
    assert [entry["term"] for entry in data(await ada.http.get("/tts/dictionary"))] == ["Hugh"]
    assert [one["number"] for one in data(await ada.http.get(f"/tts/{speech['audio_id']}/revisions"))] == [2, 1]
    assert data(await ada.http.post(path, json={"respelling": "hue"}), 202)["offer"]["acceptance"]["job_id"] == job_id
    assert refusal(await ada.http.post(path, json={"respelling": "you"})) == (409, "DICTIONARY_OFFER_ACCEPTED")


async def test_an_offer_expires_with_its_segment_and_its_audio(ada: Person) -> None:
    speech = await ada.speak("Hugh waits. Nobody comes.")
    body = {"audio_id": speech["audio_id"], "rating": 2, "reason": "mispronounced", "start_word": 0, "end_word": 0}
    rating = data(await ada.http.post("/feedback", json=body), 201)
    path = f"/feedback/{rating['id']}/dictionary-entry"
    job = data(await ada.http.post(f"/tts/{speech['audio_id']}/segments/0/regenerate", json={"text": "Hugo waits."}), 202)
    assert [event async for event in ada.follow(job["id"])][-2]["status"] == "completed"
    assert refusal(await ada.http.post(path, json={"respelling": "hue"})) == (409, "SEGMENT_CHANGED")
    data(await ada.http.delete(f"/tts/{speech['synthesis_id']}"))
    assert refusal(await ada.http.post(path, json={"respelling": "hue"})) == (404, "AUDIO_NOT_FOUND")
    assert data(await ada.http.get("/tts/dictionary")) == []


async def test_the_history_shows_what_a_user_did(platform: Platform, ada: Person) -> None:
    job = await ada.queue(SENTENCE)
    [event async for event in ada.follow(job["id"])]
    audio_id = (await ada.job(job["id"]))["audio_id"]
    data(await ada.http.post("/feedback", json={"audio_id": audio_id, "rating": 3}), 201)
    data(await ada.http.delete(f"/job/{job['id']}"))
    expected = {
        "user_registered",
        "session_started",
        "job_queued",
        "job_completed",
        "speech_synthesized",
        "rating_submitted",
        "audio_deleted",
    }

    async def recorded() -> bool:
        return {entry["action_type"] for entry in data(await ada.http.get("/users/me/history"))} == expected

    await eventually(recorded, within=30)
    related: dict[str, Any] = {
        entry["action_type"]: entry["related_id"] for entry in data(await ada.http.get("/users/me/history"))
    }
    assert (related["job_completed"], related["speech_synthesized"]) == (job["id"], audio_id)
    lines = (await ada.http.get("/users/me/history?format=csv")).text.splitlines()
    assert lines[0] == "id,action_type,related_id,timestamp"
    assert len(lines) == 1 + len(expected)
