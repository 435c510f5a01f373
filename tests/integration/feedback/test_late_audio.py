"""A request for audio whose event may be under way can be repeated; one for audio that cannot arrive any more is refused."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from ulid import ULID

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.synthesis import JobCancelled, JobCompleted, JobFailed, JobQueued
from echo_common.ids import new_id
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import refusal

NOT_READY = (503, "AUDIO_NOT_READY")
NOT_FOUND = (404, "AUDIO_NOT_FOUND")
FIELDS: dict[type[DomainEvent], dict[str, Any]] = {
    JobCompleted: {"audio_id": new_id("aud"), "duration": 1.0},
    JobFailed: {"code": "ENGINE_FAILED", "message": "The engine failed."},
}

Actions = Sequence[tuple[type[DomainEvent], float]]
"""Events of a job, and how many hours ago they occurred."""

JOBS: dict[str, tuple[Actions, tuple[int, str]]] = {
    "pending": ([(JobQueued, 2)], NOT_READY),
    "lost": ([(JobQueued, 8 * 24)], NOT_FOUND),
    "completed": ([(JobQueued, 3), (JobCompleted, 0.5)], NOT_READY),
    "completed long ago": ([(JobQueued, 3), (JobCompleted, 2)], NOT_FOUND),
    "failed": ([(JobQueued, 3), (JobFailed, 0.5)], NOT_FOUND),
    "cancelled": ([(JobQueued, 3), (JobCancelled, 0.5)], NOT_FOUND),
    "retried": ([(JobQueued, 3), (JobFailed, 2), (JobQueued, 1)], NOT_READY),
}


async def responses(client: FeedbackClient, audio_id: str) -> list[Any]:
    return [await client.rate(audio_id, 4), await client.ask("GET", f"/feedback/audio/{audio_id}/summary")]


async def test_requests_are_repeated_until_the_event_of_their_audio_arrives(start: Start) -> None:
    async with start(audio_wait_seconds=0) as ada:
        audio_id = new_id("aud")
        for response in await responses(ada, audio_id):
            assert refusal(response) == NOT_READY
            assert int(response.headers["Retry-After"]) > 0
        await ada.speech(audio_id=audio_id)
        assert [response.status_code for response in await responses(ada, audio_id)] == [201, 200]
        for response in await responses(ada.acting_as("usr_eve"), audio_id):
            assert refusal(response) == NOT_FOUND


@pytest.mark.parametrize(("actions", "expected"), JOBS.values(), ids=list(JOBS))
async def test_requests_for_audio_of_a_job_are_repeated_while_it_may_arrive(
    start: Start, actions: Actions, expected: tuple[int, str]
) -> None:
    made = ULID.from_datetime(now() - timedelta(days=10))
    async with start(audio_wait_seconds=0) as ada:
        for number, (action, hours) in enumerate(actions):
            fields = FIELDS.get(action, {"restarts": number} if action is JobQueued else {})
            known: dict[str, Any] = {"job_id": f"job_{made}", "user_id": ada.user_id, **fields}
            await ada.publish(action(occurred_at=now() - timedelta(hours=hours), **known))

        async def recorded() -> bool:
            return await ada.deps.history.count({"related_id": f"job_{made}"}) == len(actions)

        await eventually(recorded)
        assert [refusal(response) for response in await responses(ada, f"aud_{made}")] == [expected] * 2
        assert refusal(await ada.acting_as("usr_eve").rate(f"aud_{made}", 4)) == NOT_FOUND
