"""All events, replayed into an empty database in any order and more than once, lead to the same totals."""

import random
from collections import Counter

from echo_common.bus.port import Message
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.synthesis import AudioDeleted, JobQueued
from echo_common.contracts.events.voice import VoiceModelReady
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.integration.feedback.test_summaries import model
from tests.integration.feedback.test_user_data import erased
from tests.support.eventually import eventually
from tests.support.person import data

USERS = ("usr_ada", "usr_eve", "usr_bob")
Totals = tuple[dict[str, tuple[int, ...]], Counter[tuple[str, str]]]


async def totals(client: FeedbackClient) -> Totals:
    """Return the distributions of all voices and engines, and the number of actions of each user and type."""
    summaries = {summary.id: summary.distribution async for summary in client.deps.summaries.find({})}
    actions = Counter([(entry.user_id, entry.action_type.value) async for entry in client.deps.history.find({})])
    return {name: found for name, found in summaries.items() if any(found)}, actions


async def act(client: FeedbackClient) -> None:
    """Let users synthesise, rate, replace and delete; one of them is erased."""
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
        await user.publish(AudioDeleted(audio_id=audio[2], user_id=user_id))
    await erased(client, "usr_bob")


async def test_replayed_events_lead_to_the_same_totals(start: Start) -> None:
    async with start() as first:
        await act(first)

        async def counted() -> bool:
            summaries, actions = await totals(first)
            return sum(summaries["engine/tone"]) == 9 and actions.total() == 2 * (1 + 4 + 6 + 1 + 1) + 1

        await eventually(counted, within=30)
        expected, recorded = await totals(first), list(first.heard)

    events: list[Message] = [message for message in recorded if not message.topic.endswith("user_data_erased")]
    assert UserDeleted.topic in {message.topic for message in events}
    random.Random(7).shuffle(events)
    async with start(prefix="empty_") as second:
        await second.bus.publish(events + events[::-3])

        async def same() -> bool:
            return await totals(second) == expected

        await eventually(same, within=30)
        assert await totals(second) == expected
