"""Tests of jobs, for owners and administrators."""

import asyncio
from typing import Any

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal

SLOW = " ".join(f"Sentence tone-slow-400 number {number}." for number in range(12))
ENDLESS = " ".join(f"Sentence tone-slow-950 number {number}." for number in range(200))


async def finished(person: Person, job: dict[str, Any]) -> dict[str, Any]:
    return [event async for event in person.follow(job["id"])][-2]


async def busy(person: Person) -> None:
    """Keep all workers busy, so that the next job waits."""
    await asyncio.gather(*(person.queue(f"{number} {SLOW}") for number in range(24)))


async def test_jobs_are_filtered_searched_sorted_and_paged(ada: Person, eve: Person) -> None:
    texts = ["A red apple.", "A green (unripe) apple.", "A yellow banana."]
    jobs = [await ada.queue(text, voice) for text, voice in zip(texts, ("tone_low", "tone_high", "tone_low"), strict=True)]
    await eve.queue("An apple of somebody else.")
    for job in jobs:
        assert (await finished(ada, job))["status"] == "completed"

    async def ids(**query: Any) -> list[str]:
        return [job["id"] for job in data(await ada.http.get("/job", params=query))]

    apple, unripe, banana = (job["id"] for job in jobs)
    assert await ids() == [banana, unripe, apple]
    assert await ids(sort_by="created_at", sort_order="asc") == [apple, unripe, banana]
    assert await ids(text_search="APPLE") == [unripe, apple]
    assert await ids(text_search="(unripe)") == [unripe]
    assert await ids(text_search=".*") == []
    assert await ids(voice_model_id="tone_high") == [unripe]
    assert await ids(status="completed", text_search="banana") == [banana]
    assert await ids(status="failed") == []
    assert await ids(page=2, page_size=2) == await ids(limit=2, offset=2) == [apple]
    meta = (await ada.http.get("/job", params={"limit": 2})).json()["meta"]["pagination"]
    assert (meta["total_count"], meta["has_more"], meta["total_pages"]) == (3, True, 2)
    [listed, *_] = data(await ada.http.get("/job"))
    assert listed.get("text_content") is None
    assert listed["text_length"] == len(texts[-1])
    [listed, *_] = data(await ada.http.get("/jobs", params={"include_text": True}))
    assert listed["text_content"] == texts[-1]
    for query in ({"sort_by": "text"}, {"statsu": "failed"}, {"limit": 101}, {"page": 0}, {"status": "done"}):
        refused = await ada.http.get("/job", params=query)
        assert refusal(refused) == (422, "VALIDATION_ERROR")
        assert [detail["field"] for detail in refused.json()["error"]["details"]] == list(query)


async def test_only_administrators_read_jobs_of_other_users(ada: Person, eve: Person, admin: Person) -> None:
    job = await ada.queue("Mine.")
    assert refusal(await eve.http.get("/job", params={"user_id": job["user_id"]})) == (403, "FORBIDDEN")
    assert [seen["id"] for seen in data(await admin.http.get("/job", params={"user_id": job["user_id"]}))] == [job["id"]]
    assert data(await admin.http.get(f"/job/{job['id']}"))["text_content"] == "Mine."
    assert data(await ada.http.get("/job", params={"user_id": job["user_id"]}))


async def test_pending_jobs_can_be_changed(ada: Person) -> None:
    await busy(ada)
    job = await ada.queue("This is wrong.")
    change = {
        "text_content": "This is right now.",
        "speed": 2.0,
        "output_format": "mp3",
        "config": {"include_timestamps": False},
    }
    changed = data(await ada.http.put(f"/job/{job['id']}", json=change))
    assert (changed["text_content"], changed["word_count"], changed["speed"]) == ("This is right now.", 4, 2.0)
    patched = data(await ada.http.patch(f"/job/{job['id']}", json={"volume": 0.5}))
    assert (patched["volume"], patched["speed"], patched["output_format"]) == (0.5, 2.0, "mp3")
    assert refusal(await ada.http.put(f"/job/{job['id']}", json={"speed": 9})) == (422, "VALIDATION_ERROR")
    assert refusal(await ada.http.put(f"/job/{job['id']}", json={"config": {"tempo": 1}})) == (422, "VALIDATION_ERROR")
    assert refusal(await ada.http.put(f"/job/{job['id']}", json={"text_content": "..."})) == (422, "VALIDATION_ERROR")
    for other in data(await ada.http.get("/job", params={"text_search": "sentence", "limit": 100})):
        cancelled = await ada.http.patch(f"/job/{other['id']}", json={"status": "cancelled"})
        assert cancelled.status_code in {200, 409}, "cancelled, or completed before: never refused for another reason"

    assert (await finished(ada, job))["status"] == "completed"
    result = (await ada.job(job["id"]))["result"]
    assert (result["format"], result["word_timestamps"]) == ("mp3", None)
    assert refusal(await ada.http.put(f"/job/{job['id']}", json={"speed": 1})) == (409, "JOB_STATE_CONFLICT")


async def test_fields_of_workers_cannot_be_written(ada: Person, admin: Person) -> None:
    job = await ada.queue(SLOW)
    path = f"/job/{job['id']}"
    for fields in (
        {"progress": 50},
        {"duration": 3},
        {"error_message": "no"},
        {"output_file_path": "/x"},
        {"status": "failed"},
    ):
        assert refusal(await ada.http.patch(path, json=fields)) == (403, "FORBIDDEN"), fields
    assert refusal(await admin.http.patch(path, json={"status": "completed"})) == (422, "VALIDATION_ERROR")
    assert refusal(await admin.http.patch(path, json={"status": "cancelled", "speed": 2})) == (422, "VALIDATION_ERROR")
    given_up = data(await admin.http.patch(path, json={"status": "failed", "error_message": "Not today."}))
    assert (given_up["status"], given_up["error_message"]) == ("failed", "Not today.")

    again = data(await ada.http.post(f"{path}/retry"))
    assert (again["status"], again.get("error_message")) == ("pending", None)
    assert refusal(await ada.http.post(f"{path}/retry")) == (409, "JOB_STATE_CONFLICT")
    assert data(await ada.http.patch(path, json={"status": "cancelled"}))["status"] == "cancelled"


async def test_failed_jobs_can_be_retried(ada: Person) -> None:
    job = await ada.queue("This will tone-fail surely.")
    assert (await finished(ada, job))["status"] == "failed"
    assert data(await ada.http.post(f"/job/{job['id']}/retry"))["status"] in {"pending", "processing"}

    async def failed_again() -> bool:
        return bool((await ada.job(job["id"]))["status"] == "failed")

    await eventually(failed_again, within=20)
    assert (await ada.http.delete(f"/job/{job['id']}")).is_success
    assert refusal(await ada.http.get(f"/job/{job['id']}")) == (404, "JOB_NOT_FOUND")


async def test_running_jobs_report_the_remaining_time_and_cannot_be_deleted(ada: Person) -> None:
    job = await ada.queue(ENDLESS)
    left: list[float] = []
    async for event in ada.follow(job["id"]):
        if "eta_seconds" in event:
            left.append(event["eta_seconds"])
            assert "left" in event["message"]
        if len(left) == 2:
            break
    assert left[-1] > 0
    assert refusal(await ada.http.delete(f"/job/{job['id']}")) == (409, "JOB_STATE_CONFLICT")
    assert data(await ada.http.patch(f"/job/{job['id']}", json={"status": "cancelled"}))["status"] == "cancelled"
    assert (await ada.http.delete(f"/job/{job['id']}")).is_success


async def test_texts_with_headings_have_chapters(ada: Person) -> None:
    text = "# The start\n\nIt begins here.\n\nChapter two\n\nIt ends there."
    job = await ada.queue(text)
    assert (await finished(ada, job))["status"] == "completed"
    result = (await ada.job(job["id"]))["result"]
    first, second = result["chapters"]
    assert (first["title"], second["title"]) == ("The start", "Chapter two")
    [heading] = [word for word in result["word_timestamps"] if word["word"] == "Chapter"]
    assert second["start_time"] == first["end_time"] == heading["start_time"]
    assert second["end_time"] == result["duration"]
