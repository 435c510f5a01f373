"""A process that dies between the request to a webhook and the record of its result, by SIGKILL: the next one sends it again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from echo_common.contracts.events.synthesis import JobCompleted
from tests.integration.feedback.conftest import SECRET, Start, start
from tests.support.database import Database
from tests.support.receiver import Receiver
from tests.support.selection import select_params
from tests.support.service_process import run_until_dead
from tests.support.webhooks import LOCAL, attempted, created, ended

__all__ = ["start"]

ENVIRONMENT = {
    "ECHO_FEEDBACK_SECRET": SECRET.get_secret_value(),
    "ECHO_FEEDBACK_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "ECHO_FEEDBACK_WEBHOOK_HTTP": "true",
}
WEBHOOK_POINTS = {"worker.after_claim": 0, "webhook.after_send": 1, "worker.before_commit": 1}
"""Fault points with the number of requests that the receiver got before the death."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as found:
        yield found


@pytest.mark.parametrize("point", select_params("webhook.after_send", among=WEBHOOK_POINTS))
async def test_a_delivery_is_sent_at_least_once_with_one_id(
    start: Start, database: Database, tmp_path: Path, receiver: Receiver, point: str
) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("2",)}) as ada:
        webhook = await created(ada, receiver)
        await ada.publish(JobCompleted(job_id="job_1", user_id="usr_ada", audio_id="aud_1", duration=1.0))
        await attempted(ada, webhook)
    receiver.status = 200
    before = len(receiver.received)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="feedback", **ENVIRONMENT)
    assert len(receiver.received) == before + WEBHOOK_POINTS[point]

    async with start(**LOCAL, exclusive=True) as ada:
        [delivery] = await ended(ada, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("completed", 2)
    assert len(receiver.received) == before + WEBHOOK_POINTS[point] + 1
    assert {request.message_id for request in receiver.received} == {delivery["message_id"]}
