"""All events, replayed into an empty database in any order and more than once, lead to the same totals."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.contracts.events.synthesis import (
    AudioDeleted,
    AudioRevised,
    EngineUse,
    JobFailed,
    JobQueued,
    SpeechMeasured,
)
from echo_common.contracts.events.voice import VoiceErrorLogged, VoiceModelReady
from echo_common.contracts.http.statistics import Interval
from echo_common.http.time_range import TimeRange
from echo_feedback.domain.errors import LoggedError
from echo_feedback.domain.periods import hour_of
from echo_feedback.domain.statistics import Point
from echo_feedback.domain.usage import Usage
from echo_feedback.usecases.statistics import get_series
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.integration.feedback.test_summaries import model
from tests.integration.feedback.test_user_data import erased
from tests.support.eventually import eventually
from tests.support.person import data

SPAN = TimeRange(now() - timedelta(days=2), now() + timedelta(hours=2))
USERS = ("usr_ada", "usr_eve", "usr_bob")
ORDERS: dict[str, Callable[[list[Message]], list[Message]]] = {
    "as published": list,
    "reversed": lambda events: events[::-1],
    "shuffled": lambda events: random.Random(7).sample(events, len(events)),
    "shuffled otherwise": lambda events: random.Random(8).sample(events, len(events)),
}


@dataclass(frozen=True)
class Totals:
    """The distributions of all voices and engines, the actions of users by type, the ratings, the audio, and all that is counted."""

    summaries: dict[str, tuple[int, ...]]
    actions: Counter[tuple[str, str]]
    ratings: Counter[tuple[Any, ...]]
    audio: set[tuple[Any, ...]]
    usage: dict[str, Usage]
    errors: dict[str, LoggedError]
    points: list[Point]


async def totals(client: FeedbackClient) -> Totals:
    deps = client.deps
    summaries = {summary.id: summary.distribution async for summary in deps.summaries.find({})}
    ratings = [rating async for rating in deps.ratings.find({"rating": {"$gte": 1}})]
    found = [await deps.audios.find(one.audio_id, one.user_id) for one in ratings if one.audio_id and one.user_id]
    return Totals(
        {name: distribution for name, distribution in summaries.items() if any(distribution)},
        Counter([(entry.user_id, entry.action_type.value) async for entry in deps.history.find({})]),
        Counter((one.user_id, one.audio_id, one.voice_id, one.rating, one.counts_for_voice) for one in ratings),
        {(audio.id, audio.duration, audio.word_count) for audio in found if audio is not None},
        {usage.id: usage async for usage in deps.usage.find({}, sort=())},
        {error.id: error async for error in deps.errors.find({}, sort=())},
        [point for point in await get_series(Interval.HOUR, SPAN, deps) if point.counts or point.active_users],
    )


async def act(client: FeedbackClient) -> None:
    """Let users synthesise, rate, replace, delete, rate again and revise; one of them is erased."""
    await client.publish(model(VoiceModelReady, 1, public=True))
    for place, user_id in enumerate(USERS):
        user = client.acting_as(user_id)
        await user.publish(JobQueued(job_id=f"job_{place}", user_id=user_id))
        audio = [await user.speech(voice_id="vm_1" if number % 2 else "tone_low") for number in range(4)]
        for number, audio_id in enumerate(audio):
            await user.rated(audio_id, 1 + (number + place) % 5)
        await user.rated(audio[0], 5)
        deleted = await user.rated(audio[1], 1)
        data(await user.ask("DELETE", f"/feedback/{deleted['id']}"))
        await user.rated(audio[1], 2)
        await user.publish(AudioDeleted(audio_id=audio[2], user_id=user_id))
        for revision in (2, 3):
            await user.publish(
                AudioRevised(
                    audio_id=audio[3],
                    user_id=user_id,
                    revision=revision,
                    segment=0,
                    duration=10.0 + revision,
                    word_count=20 + revision,
                    size_bytes=1_000,
                )
            )
        await user.publish(JobQueued(job_id=f"job_{place}", user_id=user_id, again=True), *measured(user_id, place))
    await erased(client, "usr_bob")


def measured(user_id: str, hours: int) -> list[DomainEvent]:
    """Return events of requests, of speech and of errors, some hours ago."""
    moment = now() - timedelta(hours=hours)
    hour = hour_of(moment)
    request: dict[str, Any] = {"hour": hour, "last_request": moment, "endpoint": "GET /api/v1/voices"}
    failed = EndpointUse(requests=3, server_errors=1, user_id=user_id, **request)
    return [
        RequestServed(uses=(failed, EndpointUse(requests=1, **request))),
        RequestServed(uses=(EndpointUse(requests=2, user_id=user_id, **request),)),
        SpeechMeasured(uses=(EngineUse(engine="tone", hour=hour, segments=2, audio_milliseconds=1_501, cache_hits=1),)),
        JobFailed(job_id="job_9", user_id=user_id, code="ENGINE_FAILED", message="It failed.", occurred_at=moment),
        VoiceErrorLogged(error_type="KeyError", error_message="x", source="task", count=4, last_at=moment, occurred_at=moment),
    ]


@pytest.mark.parametrize("order", ORDERS)
async def test_replayed_events_lead_to_the_same_totals(start: Start, order: str) -> None:
    async with start() as first:
        await act(first)

        async def counted() -> bool:
            found = await totals(first)
            actions = 2 * (1 + 4 + 7 + 1 + 1 + 2 + 1) + 1
            requests = sum(point.count("requests") for point in found.points)
            return sum(found.summaries["engine/tone"]) == 12 and (found.actions.total(), len(found.errors), requests) == (
                actions,
                3,
                18,
            )

        await eventually(counted, within=30)
        expected, recorded = await totals(first), list(first.heard)

    events: list[Message] = [message for message in recorded if not message.topic.endswith("user_data_erased")]
    assert UserDeleted.topic in {message.topic for message in events}
    events = ORDERS[order](events)
    async with start(prefix="empty_") as second:
        await second.bus.publish(events + events[::-3])

        async def same() -> bool:
            return await totals(second) == expected

        await eventually(same, within=30)
        assert {duration for _, duration, _ in expected.audio} == {10.0, 13.0}
