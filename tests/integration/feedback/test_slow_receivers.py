"""Slow receivers and users with many webhooks hold up no deliveries of others."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.synthesis import JobFailed
from echo_common.contracts.system_settings import WEBHOOKS
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.receiver import Receiver
from tests.support.webhooks import LOCAL, completed, created, deliveries, ended


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start(**LOCAL) as client:
        yield client


async def test_a_slow_receiver_holds_up_no_other_webhook(start: Start, receiver: Receiver) -> None:
    """Not even of the same user, and not with more deliveries than the worker reads at once."""
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(Receiver.listening())
        slow.released.clear()
        client = await stack.enter_async_context(start(**LOCAL, webhook_timeout_seconds=60.0))
        held = await created(client, slow, events=["job.failed"])
        await client.publish(*(JobFailed(job_id=f"job_{n}", user_id="usr_ada", code="X", message="y") for n in range(300)))
        await eventually(lambda: len(slow.received) == 4)
        webhook = await created(client, receiver, events=["job.completed"])
        await client.publish(*(completed(number) for number in range(20)))
        assert {one["status"] for one in await ended(client, webhook, 20)} == {"completed"}
        assert len(slow.received) == 4
        assert await deliveries(client, held, status="completed") == []
        slow.released.set()


async def test_many_slow_webhooks_with_backlogs_hold_up_no_other_user(start: Start, receiver: Receiver) -> None:
    """More deliveries to slow webhooks are due than the worker reads at once, and each of their users has many webhooks."""
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(Receiver.listening())
        slow.released.clear()
        client = await stack.enter_async_context(start(**LOCAL, webhook_timeout_seconds=60.0))
        client.deps.live_settings.replace({WEBHOOKS.key: 100})
        users = {"usr_eve": 25, "usr_mallory": 25, "usr_trudy": 25}
        for user_id, number in users.items():
            acting = client.acting_as(user_id)
            for _ in range(number):
                await created(acting, slow)
        events: list[DomainEvent] = [completed(number, user_id) for user_id in users for number in range(8)]
        await client.publish(*events)
        total = sum(users.values()) * 8
        await eventually_counted(client, total)
        webhook = await created(client, receiver)
        await client.publish(*(completed(number) for number in range(4)))
        assert {one["status"] for one in await ended(client, webhook, 4)} == {"completed"}
        assert len(slow.received) <= 40
        slow.released.set()


async def eventually_counted(client: FeedbackClient, number: int) -> None:
    """Wait until this number of deliveries is queued."""

    async def queued() -> bool:
        return await client.deps.deliveries.count({}) == number

    await eventually(queued, within=30)


async def test_many_webhooks_of_a_user_are_all_served(ada: FeedbackClient, receiver: Receiver) -> None:
    ada.deps.live_settings.replace({WEBHOOKS.key: 100})
    webhooks = [await created(ada, receiver) for _ in range(70)]
    await ada.publish(completed())
    await eventually(lambda: len(receiver.received) == len(webhooks), within=30)
