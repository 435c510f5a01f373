"""Quotas are counted in every service and shown in one place."""

from typing import Any

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform
from tests.support.recordings import spoken, wav


async def usage(person: Person) -> dict[str, dict[str, Any]]:
    return {view["metric"]: view for view in data(await person.http.get("/users/me/usage"))}


async def test_a_guest_sees_and_uses_up_the_daily_syntheses(platform: Platform) -> None:
    async with Person.at(platform.url) as person:
        await person.become_guest()
        await person.http.post("/voice/samples", files={"file": ("me.wav", wav(spoken()))}, data={"name": "Me"})
        for _ in range(2):
            await person.speak("Counted.")
        before = await usage(person)
        assert (before["syntheses"]["used"], before["syntheses"]["limit"]) == (2, 20)
        assert (before["characters"]["used"], before["uploads"]["used"]) == (16, 1)
        assert before["audio_seconds"]["used"] >= 2
        assert (before["requests"]["limit"], before["requests"]["period"]) == (20, "minute")
        assert before["storage_bytes"]["resets_at"] is None
        assert before["syntheses"]["resets_at"].endswith("T00:00:00Z")

        refused = await person.http.post("/tts/synthesize", json={"text": "Counted. " * 2_500, "voice_id": "tone_low"})
        assert refusal(refused) == (429, "QUOTA_EXCEEDED")
        assert refused.json()["error"]["details"]["metric"] == "characters"
        assert (await usage(person))["syntheses"]["used"] == 2


async def test_requests_are_counted_by_endpoint_and_day(platform: Platform, ada: Person, admin: Person) -> None:
    for _ in range(3):
        data(await ada.http.get("/voices"))
    assert refusal(await ada.http.get("/job/job_none")) == (404, "JOB_NOT_FOUND")
    user_id = data(await ada.http.get("/users/me"))["id"]

    async def counted() -> dict[str, dict[str, Any]]:
        return {row["endpoint"]: row for row in data(await ada.http.get("/users/me/usage/series", params={"limit": 100}))}

    async def complete() -> bool:
        return (await counted()).get("GET /api/v1/job/{job_id}", {}).get("client_errors") == 1

    await eventually(complete, within=30)
    usage = await counted()
    assert usage["GET /api/v1/voices"]["request_count"] == 3
    rows = data(await admin.http.get("/admin/usage", params={"user_id": user_id, "endpoint": "GET /api/v1/voices"}))
    assert [(row["user_id"], row["request_count"]) for row in rows] == [(user_id, 3)]
    csv = await admin.http.get("/admin/usage", params={"user_id": user_id, "format": "csv"})
    assert csv.text.startswith("day,endpoint,request_count,")
    point = data(await admin.http.get("/admin/stats/series"))[-1]
    assert point["requests"] >= 4
    assert point["active_users"] >= 1
    assert refusal(await ada.http.get("/admin/usage")) == (403, "FORBIDDEN")


async def test_administrators_see_the_current_statistics(platform: Platform, ada: Person, admin: Person) -> None:
    job = await ada.queue("Counted by the statistics.")
    [event async for event in ada.follow(job["id"])]

    async def statistics() -> dict[str, Any]:
        found: dict[str, Any] = data(await admin.http.get("/admin/stats"))
        return found

    async def counted() -> bool:
        day = (await statistics())["last_day"]
        return bool(day["jobs"]["completed"] and day["cache_misses"] and day["engines"] and day["requests"])

    await eventually(counted, within=30)
    found = await statistics()
    assert found["unavailable"] == []
    assert found["jobs"]["completed"] >= 1
    assert found["users"]["total"] >= found["users"]["active_day"] >= 1
    assert {queue["service"] for queue in found["queues"]} == {"auth", "feedback", "listening", "synthesis", "voice"}
    assert {part["service"] for part in found["storage"]} == {"listening", "synthesis", "voice"}
    assert next(engine for engine in found["engines"] if engine["engine"] == "tone")["state"] == "ready"
    assert found["last_day"]["audio_seconds"] > 0
    assert refusal(await ada.http.get("/admin/stats")) == (403, "FORBIDDEN")
    assert data(await admin.http.get("/admin/errors", params={"service": "none"})) == []
