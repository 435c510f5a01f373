"""Running summaries of voices and engines count each rating once, whatever happens at the same time or twice."""

import asyncio
import random
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import pytest

from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted, VoiceRatingChanged
from echo_common.contracts.events.voice import VoiceModelReady, VoiceModelShared, VoiceModelUnshared, VoiceModelWithdrawn
from echo_common.ids import new_id
from echo_common.store.port import Store
from echo_feedback.domain.summaries import Subject, Summary, Vote
from echo_feedback.repository.votes import Votes
from echo_feedback.usecases.summaries import count_rating, count_votes
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data


async def distribution(client: FeedbackClient, subject: Subject, name: str) -> tuple[int, ...]:
    summary = await client.deps.summaries.find_one({"_id": Summary.id_of(subject, name)})
    return () if summary is None else summary.distribution


async def until(client: FeedbackClient, subject: Subject, name: str, expected: tuple[int, ...]) -> None:
    async def counted() -> bool:
        return await distribution(client, subject, name) == expected

    await eventually(counted)


def model(event: type[Any], revision: int, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "voice_model_id": "vm_1",
        "user_id": "usr_ada",
        "revision": revision,
        "name": "Me",
        "provider": "tone",
        "engine": "tone",
        "reference": "tone_low",
        "language": "en",
        "gender": "neutral",
        "public": False,
        "shared_with": (),
        "usable": True,
    }
    return event(**values | ({"job_id": "job_train_1"} if event is VoiceModelReady else {}) | fields)


async def test_concurrent_ratings_in_two_replicas_are_all_counted(start: Start) -> None:
    async with start() as ada, start() as other:
        audio = await asyncio.gather(*(ada.speech() for _ in range(30)))
        clients = [ada, other] * 15
        await asyncio.gather(
            *(client.rated(each, 1 + place % 5) for place, (client, each) in enumerate(zip(clients, audio, strict=True)))
        )
        await until(ada, Subject.VOICE, "tone_low", (6, 6, 6, 6, 6))
        await until(ada, Subject.ENGINE, "tone", (6, 6, 6, 6, 6))


async def test_replaced_and_deleted_ratings_count_no_more(ada: FeedbackClient) -> None:
    first, second = await ada.speech(), await ada.speech()
    await ada.rated(first, 1)
    await ada.rated(first, 5)
    deleted = await ada.rated(second, 2)
    await until(ada, Subject.ENGINE, "tone", (0, 1, 0, 0, 1))
    data(await ada.ask("DELETE", f"/feedback/{deleted['id']}"))
    await until(ada, Subject.ENGINE, "tone", (0, 0, 0, 0, 1))


async def test_repeated_events_change_nothing(ada: FeedbackClient) -> None:
    await ada.rated(await ada.speech(), 4)
    await until(ada, Subject.VOICE, "tone_low", (0, 0, 0, 1, 0))
    message = next(found for found in ada.heard if found.topic == RatingSubmitted.topic)
    again = RatingSubmitted.model_validate_json(message.body)
    await ada.publish(again, again, again.model_copy(update={"event_id": new_id("evt")}))
    await ada.rated(await ada.speech(), 5)
    await until(ada, Subject.VOICE, "tone_low", (0, 0, 0, 1, 1))


def submitted(rating_id: str, revision: int, rating: int) -> RatingSubmitted:
    fields: dict[str, Any] = {"audio_id": f"aud_{rating_id}", "voice_id": "tone_low", "engine": "tone"}
    return RatingSubmitted(rating_id=rating_id, user_id="usr_ada", rating=rating, revision=revision, **fields)


def deleted(rating_id: str, revision: int) -> RatingDeleted:
    fields: dict[str, Any] = {"audio_id": f"aud_{rating_id}", "voice_id": "tone_low", "engine": "tone"}
    return RatingDeleted(rating_id=rating_id, user_id="usr_ada", revision=revision, **fields)


async def test_revisions_are_counted_in_any_order_in_two_replicas_at_once(start: Start) -> None:
    events: list[RatingSubmitted | RatingDeleted] = []
    for number in range(20):
        events += [submitted(f"rat_{number}", 1, 1), submitted(f"rat_{number}", 2, 2 + number % 4)]
        events += [deleted(f"rat_{number}", 3)] if number % 2 else []
    random.Random(3).shuffle(events)
    async with start() as ada, start() as other:
        await asyncio.gather(*(count_rating(event, client.deps) for event in events for client in (ada, other)))
        for subject, name in ((Subject.VOICE, "tone_low"), (Subject.ENGINE, "tone")):
            assert await distribution(ada, subject, name) == (0, 5, 0, 5, 0)


class SlowVotes(Votes):
    """Stored votes whose first reading does not end before it is permitted to."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reading, self.resume = asyncio.Event(), asyncio.Event()

    async def find(self, subject: Subject, rating_ids: Collection[str]) -> Mapping[str, Vote]:
        found = await super().find(subject, rating_ids)
        self.reading.set()
        await self.resume.wait()
        return found


async def test_a_count_that_others_have_overtaken_is_repeated(ada: FeedbackClient, database: Database) -> None:
    store = await database.open("feedback")
    slow, key = SlowVotes(store), (Subject.VOICE, "tone_low")
    count = partial(count_votes, summaries=ada.deps.summaries)
    await count(key, [Vote("rat_1", 1, 1)], stored=ada.deps.votes)
    late = asyncio.create_task(count(key, [Vote("rat_1", 2, 2)], stored=slow))
    await slow.reading.wait()
    for vote in (Vote("rat_1", 2, 2), Vote("rat_1", 3, 5), Vote("rat_2", 1, 5), Vote("rat_2", 2, 1), Vote("rat_1", 4, 1)):
        await count(key, [vote], stored=ada.deps.votes)
    slow.resume.set()
    await late
    await store.close()
    assert await distribution(ada, *key) == (2, 0, 0, 0, 0)


async def test_lost_summaries_are_counted_anew_at_the_start(start: Start, database: Database) -> None:
    async with start() as ada:
        for rating in (1, 4, 4):
            await ada.rated(await ada.speech(), rating)
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 0))
        await until(ada, Subject.VOICE, "tone_low", (1, 0, 0, 2, 0))
    store = await database.open("feedback")
    for name in ("summaries", "votes"):
        await store.collection(name).delete({})
    await store.close()
    async with start() as ada, start():
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 0))
        await until(ada, Subject.VOICE, "tone_low", (1, 0, 0, 2, 0))
        await ada.rated(await ada.speech(), 5)
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 1))


@pytest.mark.parametrize("lost", [["votes"], ["votes", "epochs"], ["summaries", "votes"]], ids="-".join)
async def test_summaries_of_other_votes_are_counted_anew(start: Start, database: Database, lost: list[str]) -> None:
    async with start() as ada:
        for rating in (1, 4, 4):
            await ada.rated(await ada.speech(), rating)
        await until(ada, Subject.VOICE, "tone_low", (1, 0, 0, 2, 0))
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 0))
    store = await database.open("feedback")
    for name in {*lost} - {"epochs"}:
        await store.collection(name).delete({})
    if "epochs" in lost:  # as before votes were stored
        await store.collection("summaries").update_many({}, {"$unset": {"epoch": "", "latest": ""}})
    gone = {"_id": "voice/gone", "subject": "voice", "name": "gone", "distribution": [0, 0, 0, 0, 9], "version": 1}
    await store.collection("summaries").insert(gone)
    await store.close()
    async with start() as ada, start():
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 0))
        await until(ada, Subject.VOICE, "tone_low", (1, 0, 0, 2, 0))
        await until(ada, Subject.VOICE, "gone", (0, 0, 0, 0, 0))
        await ada.rated(await ada.speech(), 5)
        await until(ada, Subject.ENGINE, "tone", (1, 0, 0, 2, 1))
    async with start() as ada:
        assert await distribution(ada, Subject.ENGINE, "tone") == (1, 0, 0, 2, 1)


async def test_the_mean_of_a_voice_is_published_when_it_changes(ada: FeedbackClient) -> None:
    for rating in (2, 3):
        await ada.rated(await ada.speech(), rating)

    def published() -> bool:
        return [(event.mean, event.count) for event in ada.heard_of(VoiceRatingChanged)][-1:] == [(2.5, 2)]

    await eventually(published)
    revisions = [event.revision for event in ada.heard_of(VoiceRatingChanged)]
    assert revisions == sorted(set(revisions))


async def test_only_users_who_may_use_a_voice_vote_for_it(ada: FeedbackClient, eve: FeedbackClient) -> None:
    audio = [await client.speech(voice_id="vm_1") for client in (ada, eve, eve)]
    shared = model(VoiceModelShared, 2, shared_with=("usr_eve",))
    await ada.publish(shared, model(VoiceModelReady, 1))

    async def permitted(user_id: str = "usr_eve") -> bool:
        return await ada.deps.voices.permits("vm_1", user_id)

    await eventually(permitted)
    await ada.rated(audio[0], 1)
    await eve.rated(audio[1], 2)
    await until(ada, Subject.VOICE, "vm_1", (1, 1, 0, 0, 0))
    await ada.publish(model(VoiceModelUnshared, 3))

    async def withdrawn() -> bool:
        return not await permitted()

    await eventually(withdrawn)
    await eve.rated(audio[2], 5)
    await until(ada, Subject.ENGINE, "tone", (1, 1, 0, 0, 1))
    assert await distribution(ada, Subject.VOICE, "vm_1") == (1, 1, 0, 0, 0)


async def test_a_voice_model_permits_its_users_while_it_is_usable(ada: FeedbackClient) -> None:
    async def permitted() -> list[bool]:
        return [await ada.deps.voices.permits("vm_1", user_id) for user_id in ("usr_ada", "usr_eve")]

    async def until_permitted(*expected: bool) -> None:
        async def seen() -> bool:
            return await permitted() == list(expected)

        await eventually(seen)

    assert await ada.deps.voices.permits("tone_low", "usr_eve")
    assert await permitted() == [False, False]
    await ada.publish(model(VoiceModelReady, 1))
    await until_permitted(True, False)
    await ada.publish(model(VoiceModelShared, 2, public=True))
    await until_permitted(True, True)
    await ada.publish(model(VoiceModelWithdrawn, 3, public=True, usable=False))
    await until_permitted(False, False)
    await ada.publish(model(VoiceModelReady, 1, public=True))
    await ada.publish(model(VoiceModelShared, 4, shared_with=("usr_eve",)))
    await until_permitted(True, True)
