"""Users rate audio that they may read; a newer rating replaces the older one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from echo_common.clock import now
from echo_common.contracts.events.feedback import RatingSubmitted
from echo_common.contracts.events.synthesis import AudioDeleted, AudioRevised, JobQueued
from echo_feedback.domain.summaries import Subject
from tests.integration.feedback.conftest import FeedbackClient, Start, audio_of
from tests.integration.feedback.test_summaries import until
from tests.support.eventually import eventually
from tests.support.person import data, refusal

WHOLE = {
    "comment": "The name is wrong.",
    "categories": ["clear", "natural"],
    "reason": "mispronounced",
    "start_word": 0,
    "end_word": 19,
}


@pytest.mark.parametrize("fields", [WHOLE, {"reason": "noise", "start_time": 1.5, "end_time": 10.0}], ids=["words", "seconds"])
async def test_a_rating_is_stored_with_its_range_and_reason(ada: FeedbackClient, fields: dict[str, Any]) -> None:
    audio_id = await ada.speech()
    rating = await ada.rated(audio_id, 2, **fields)
    assert {name: rating[name] for name in fields} == fields
    assert (rating["user_id"], rating["audio_id"], rating["rating"]) == ("usr_ada", audio_id, 2)
    assert (rating["voice_id"], rating["engine"]) == ("tone_low", "tone")
    assert await ada.get(f"/feedback/{rating['id']}") == rating


async def test_a_newer_rating_replaces_the_older_one(ada: FeedbackClient) -> None:
    audio_id = await ada.speech()
    first = await ada.rated(audio_id, 1, **WHOLE)
    second = await ada.rated(audio_id, 5)
    assert second["id"] == first["id"]
    assert second["created_at"] == first["created_at"]
    assert (second["rating"], second["comment"], second["reason"], second["end_word"]) == (5, None, None, None)
    assert [rating["rating"] for rating in await ada.get("/feedback")] == [5]


async def test_concurrent_ratings_of_an_audio_leave_the_last_one(start: Start) -> None:
    async with start() as ada, start() as other:
        audio_id = await ada.speech()
        bodies = [{"audio_id": audio_id, "rating": 1 + number % 5, "comment": f"{number}"} for number in range(30)]
        sent = ((client, body) for client in (ada, other) for body in bodies)
        responses = await asyncio.gather(*(client.ask("POST", "/feedback", json=body) for client, body in sent))
        assert [response.status_code for response in responses] == [201] * 60
        found = [data(response, 201) for response in responses]
        assert len({rating["id"] for rating in found}) == 1

        async def published() -> bool:
            return len(ada.heard_of(RatingSubmitted)) == 60

        await eventually(published, within=30)
        events = sorted(ada.heard_of(RatingSubmitted), key=lambda event: event.revision)
        assert [event.revision for event in events] == list(range(1, 61))
        [last] = await ada.get("/feedback")
        assert last in found
        assert last["rating"] == events[-1].rating
        summary = await ada.get(f"/feedback/audio/{audio_id}/summary")
        assert (summary["count"], summary["mean"]) == (1, last["rating"])
        expected = tuple(int(rating == last["rating"]) for rating in range(1, 6))
        for subject, name in ((Subject.VOICE, "tone_low"), (Subject.ENGINE, "tone")):
            await until(ada, subject, name, expected)


async def test_concurrent_ratings_in_a_process_wait_for_each_other(
    ada: FeedbackClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo_common.outbox.conflicts._ATTEMPTS", 1)
    audio_id = await ada.speech()
    responses = await asyncio.gather(*(ada.rate(audio_id, 1 + number % 5) for number in range(30)))
    assert {response.status_code for response in responses} == {201}


async def test_ratings_that_are_replaced_and_deleted_at_once_never_conflict(ada: FeedbackClient) -> None:
    audio_id = await ada.speech()
    rating = await ada.rated(audio_id, 1)
    responses = await asyncio.gather(
        *(ada.rate(audio_id, 1 + number % 5) for number in range(30)),
        *(ada.ask("DELETE", f"/feedback/{rating['id']}") for _ in range(30)),
    )
    assert {response.status_code for response in responses[:30]} == {201}
    assert {response.status_code for response in responses[30:]} <= {200, 404}
    assert len(await ada.get("/feedback")) <= 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 2.5}, "rating"),
        ({"rating": 3.0}, "rating"),
        ({"rating": "3"}, "rating"),
        ({"rating": True}, "rating"),
        ({"reason": "boring"}, "reason"),
        ({"comment": "x" * 2_001}, "comment"),
        ({"comment": "x" * 500_000}, "comment"),
        ({"categories": ["Not a tag"]}, "categories"),
        ({"categories": [f"tag{number}" for number in range(11)]}, "categories"),
        ({"start_time": 1}, "end_time"),
        ({"start_time": 2, "end_time": 2}, "end_time"),
        ({"start_time": 2, "end_time": 10.51}, "end_time"),
        ({"start_time": 10, "end_time": 10.1}, "end_time"),
        ({"start_time": -1, "end_time": 2}, "start_time"),
        ({"end_word": 1}, "start_word"),
        ({"start_word": 2, "end_word": 1}, "end_word"),
        ({"start_word": 2, "end_word": 20}, "end_word"),
        ({"start_word": True, "end_word": 2}, "start_word"),
        ({"start_word": 0, "end_word": "2"}, "end_word"),
        ({"start_time": 0, "end_time": 1, "start_word": 0, "end_word": 1}, "either start_time"),
        ({"stars": 5}, "stars"),
    ],
)
async def test_invalid_ratings_are_refused(ada: FeedbackClient, fields: dict[str, Any], field: str) -> None:
    audio_id = await ada.speech()
    response = await ada.ask("POST", "/feedback", json={"audio_id": audio_id, "rating": 3, **fields})
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert field in response.text
    assert await ada.get("/feedback") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_ranges_that_are_not_finite_are_refused(ada: FeedbackClient, number: str) -> None:
    body = f'{{"audio_id": "{await ada.speech()}", "rating": 3, "start_time": 0, "end_time": {number}}}'
    headers = {**ada.headers, "Content-Type": "application/json"}
    assert refusal(await ada.ask("POST", "/feedback", content=body, headers=headers)) == (422, "VALIDATION_ERROR")
    assert await ada.get("/feedback") == []


async def test_a_comment_of_the_longest_size_is_stored(ada: FeedbackClient) -> None:
    comment = "ü" * 2_000
    assert (await ada.rated(await ada.speech(), 3, comment=comment))["comment"] == comment


async def test_a_range_up_to_the_end_that_a_player_shows_is_cut(ada: FeedbackClient) -> None:
    rating = await ada.rated(await ada.speech(duration=10.0), 3, start_time=9.9, end_time=10.08)
    assert (rating["start_time"], rating["end_time"]) == (9.9, 10.0)


async def test_audio_without_words_has_no_range_of_words(ada: FeedbackClient) -> None:
    audio_id = await ada.speech(word_count=0)
    assert refusal(await ada.rate(audio_id, 3, start_word=0, end_word=0)) == (422, "VALIDATION_ERROR")


async def test_ranges_are_those_of_the_latest_revision(ada: FeedbackClient) -> None:
    audio_id = await ada.speech(duration=10.0, word_count=20)
    revision = {"segment": 0, "size_bytes": 1, "audio_id": audio_id, "user_id": ada.user_id}
    await ada.publish(
        AudioRevised(revision=2, counter=2, duration=8.0, word_count=15, **revision),
        AudioRevised(revision=1, counter=3, duration=12.0, word_count=25, **revision),  # the second one was undone
        AudioRevised(revision=2, counter=2, duration=8.0, word_count=15, **revision),
    )

    await ada.speech()  # its event arrives after the others
    assert (await ada.rate(audio_id, 3, start_word=24, end_word=24)).is_success
    assert refusal(await ada.rate(audio_id, 3, start_word=25, end_word=25)) == (422, "VALIDATION_ERROR")


async def test_events_of_audio_may_arrive_late_and_twice(ada: FeedbackClient) -> None:
    created = audio_of(ada.user_id, duration=10.0, word_count=20)
    revision = {"segment": 0, "size_bytes": 1, "audio_id": created.audio_id, "user_id": ada.user_id, "revision": 2}
    for event in (AudioRevised(duration=12.0, word_count=25, **revision), created, created):
        await ada.publish(event)
    found = await ada.deps.audios.find(created.audio_id, ada.user_id)
    assert found is not None
    assert (found.duration, found.word_count, found.voice_id) == (12.0, 25, "tone_low")


async def test_ratings_of_audio_that_a_user_may_not_read_are_not_found(start: Start) -> None:
    async with start(audio_wait_seconds=0) as ada:
        eve = ada.acting_as("usr_eve")
        audio_id = await ada.speech()
        rating = await ada.rated(audio_id, 4)
        for refused in (
            await eve.rate(audio_id, 1),
            await eve.rate(f"aud_{ULID.from_datetime(now() - timedelta(days=2))}", 1),
            await eve.ask("GET", f"/feedback/audio/{audio_id}/summary"),
        ):
            assert refusal(refused) == (404, "AUDIO_NOT_FOUND")
        for method in ("GET", "DELETE"):
            assert refusal(await eve.ask(method, f"/feedback/{rating['id']}")) == (404, "RATING_NOT_FOUND")
        assert await eve.get("/feedback") == []


async def test_a_rating_waits_for_the_event_of_its_audio(start: Start) -> None:
    async with start(audio_wait_seconds=20) as ada, start(audio_wait_seconds=20) as other:
        event = audio_of("usr_ada")
        rating = [asyncio.create_task(client.rated(event.audio_id, 4)) for client in (ada, other)]

        async def waiting() -> bool:
            return all(client.deps.audios.expects(event.audio_id) for client in (ada, other))

        await eventually(waiting)
        await ada.publish(event)
        assert [(await each)["rating"] for each in rating] == [4, 4]
        assert not ada.deps.audios.expects(event.audio_id)


async def test_a_rating_waits_for_the_audio_of_an_old_job(start: Start) -> None:
    old = f"{ULID.from_datetime(now() - timedelta(days=2))}"
    async with start(audio_wait_seconds=20) as ada:
        await ada.publish(JobQueued(job_id=f"job_{old}", user_id="usr_ada"))
        event = audio_of("usr_ada", f"aud_{old}")
        rating = asyncio.create_task(ada.rated(event.audio_id, 4))
        await eventually(lambda: ada.deps.audios.expects(event.audio_id))
        await asyncio.sleep(0)
        await ada.publish(event)
        assert (await rating)["rating"] == 4


async def test_requests_for_audio_that_cannot_arrive_do_not_wait(start: Start) -> None:
    old, younger = ULID.from_datetime(now() - timedelta(days=2)), ULID.from_datetime(now() - timedelta(days=1))
    async with start(audio_wait_seconds=30) as ada:
        eve, foreign, deleted = ada.acting_as("usr_eve"), await ada.speech(), await ada.speech()
        await ada.publish(JobQueued(job_id=f"job_{old}", user_id="usr_ada"))
        await ada.publish(AudioDeleted(audio_id=deleted, user_id="usr_ada"))

        async def gone() -> bool:
            return await ada.deps.audios.find(deleted, "usr_ada") is None

        await eventually(gone)
        async with asyncio.timeout(15):
            for client, audio_id in ((eve, foreign), (ada, deleted), (ada, f"aud_{younger}"), (eve, f"aud_{old}")):
                assert refusal(await client.rate(audio_id, 3)) == (404, "AUDIO_NOT_FOUND")
                summary = await client.ask("GET", f"/feedback/audio/{audio_id}/summary")
                assert refusal(summary) == (404, "AUDIO_NOT_FOUND")
            assert refusal(await ada.ask("GET", "/feedback/audio/unknown/summary")) == (404, "AUDIO_NOT_FOUND")


async def test_deleted_audio_cannot_be_rated_and_keeps_its_rating(start: Start) -> None:
    async with start(audio_wait_seconds=0) as ada:
        rated, unrated = await ada.speech(), audio_of("usr_ada")
        rating = await ada.rated(rated, 4)
        await ada.publish(AudioDeleted(audio_id=rated, user_id="usr_ada"))
        await ada.publish(AudioDeleted(audio_id=unrated.audio_id, user_id="usr_ada"), unrated)

        async def refused() -> bool:
            found = [refusal(await ada.rate(audio_id, 1)) for audio_id in (rated, unrated.audio_id)]
            return found == [(404, "AUDIO_NOT_FOUND")] * 2

        await eventually(refused)
        assert await ada.get(f"/feedback/{rating['id']}") == rating


async def test_ratings_are_listed_in_pages_with_filters(ada: FeedbackClient, eve: FeedbackClient) -> None:
    audio = [await ada.speech(voice_id="tone_low" if number % 2 else "tone_high") for number in range(5)]
    for number, audio_id in enumerate(audio):
        await ada.rated(audio_id, 1 + number, reason="noise" if number == 4 else None)
    await eve.rated(await eve.speech(), 1)

    async def listed(**query: Any) -> list[int]:
        return [rating["rating"] for rating in await ada.get("/feedback", **query)]

    assert await listed() == [5, 4, 3, 2, 1]
    assert await listed(limit=2, offset=1) == [4, 3]
    assert await listed(sort_by="rating", sort_order="asc") == [1, 2, 3, 4, 5]
    assert await listed(voice_id="tone_low") == [4, 2]
    assert await listed(min_rating=2, max_rating=3) == [3, 2]
    assert await listed(reason="noise") == [5]
    assert await listed(audio_id=audio[-1]) == [5]
    third = (await ada.get("/feedback", limit=1, offset=2))[0]["created_at"]
    assert await listed(**{"from": third}) == [5, 4, 3]
    assert await listed(to=third) == [2, 1]
    page = (await ada.ask("GET", "/feedback", params={"limit": 2})).json()["meta"]["pagination"]
    assert (page["total_count"], page["has_more"]) == (5, True)


async def test_a_deleted_rating_is_gone_and_can_be_submitted_again(ada: FeedbackClient) -> None:
    audio_id = await ada.speech()
    rating = await ada.rated(audio_id, 2, **WHOLE)
    data(await ada.ask("DELETE", f"/feedback/{rating['id']}"))
    for method in ("GET", "DELETE"):
        assert refusal(await ada.ask(method, f"/feedback/{rating['id']}")) == (404, "RATING_NOT_FOUND")
    assert await ada.get("/feedback") == []
    assert (await ada.get(f"/feedback/audio/{audio_id}/summary"))["count"] == 0
    again = await ada.rated(audio_id, 3)
    assert (again["rating"], again["comment"]) == (3, None)
    assert again["id"] != rating["id"]


async def test_the_id_of_a_rating_does_not_follow_from_user_and_audio(start: Start) -> None:
    event = audio_of("usr_ada")
    ids = []
    for prefix in ("one_", "another_"):
        async with start(prefix=prefix) as ada:
            ids.append((await ada.rated(await ada.speech(audio_id=event.audio_id), 3))["id"])
    assert ids[0] != ids[1]


async def test_the_summary_of_an_audio_counts_ratings_categories_and_reasons(ada: FeedbackClient) -> None:
    audio_id = await ada.speech()
    empty = await ada.get(f"/feedback/audio/{audio_id}/summary")
    assert (empty["count"], empty["mean"], empty["distribution"]["5"]) == (0, None, 0)
    await ada.rated(audio_id, 4, categories=["clear", "clear"], reason="noise")
    assert await ada.get(f"/feedback/audio/{audio_id}/summary") == {
        "audio_id": audio_id,
        "count": 1,
        "mean": 4.0,
        "distribution": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0},
        "categories": {"clear": 1},
        "reasons": {"noise": 1},
    }


async def test_scopes_of_speech_permit_ratings(ada: FeedbackClient) -> None:
    audio_id = await ada.speech()
    reader = ada.acting_as("usr_ada", scope="speech:read")
    assert refusal(await reader.rate(audio_id, 3)) == (403, "FORBIDDEN")
    assert await reader.get("/feedback") == []
    writer = ada.acting_as("usr_ada", scope="speech:write")
    assert (await writer.rated(audio_id, 3))["rating"] == 3
    assert refusal(await writer.ask("GET", "/feedback")) == (403, "FORBIDDEN")


async def test_published_ratings_hold_no_comment(ada: FeedbackClient) -> None:
    await ada.rated(await ada.speech(), 2, comment="The secret of Ada.")

    async def published() -> bool:
        return bool(ada.heard_of(RatingSubmitted))

    await eventually(published)
    assert not any(b"secret" in message.body for message in ada.heard)
