"""Failed deliveries to webhooks are sent again; users replay them and send tests."""

from collections.abc import AsyncIterator

import pytest

from echo_common.clock import now
from echo_feedback.domain.deliveries import Delivery
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import data
from tests.support.receiver import Receiver
from tests.support.webhooks import LOCAL, attempted, completed, created, deliveries, ended


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start(**LOCAL) as client:
        yield client


async def test_failed_attempts_are_repeated_with_the_same_id_and_a_new_signature(
    ada: FeedbackClient, receiver: Receiver
) -> None:
    webhook = await created(ada, receiver)
    receiver.statuses = [500, 302]
    await ada.publish(completed())
    [delivery] = await ended(ada, webhook)
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["refused", "redirected", None]
    assert delivery["status"] == "completed"
    assert len(receiver.received) == 3
    assert {request.message_id for request in receiver.received} == {delivery["message_id"]}
    for request in receiver.received:
        request.verify(webhook["secret"])
    assert (await ada.get(f"/webhooks/{webhook['id']}"))["failing_since"] is None


async def test_a_delivery_fails_after_its_last_attempt_and_can_be_replayed(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    receiver.status = 503
    await ada.publish(completed())
    [delivery] = await ended(ada, webhook)
    assert (delivery["status"], delivery["error_code"], len(delivery["attempts"])) == ("failed", "DELIVERY_FAILED", 4)
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["failing_since"] is not None) == (True, True)
    assert await deliveries(ada, webhook, status="completed") == []
    assert [one["id"] for one in await deliveries(ada, webhook, status="failed", event="job.completed")] == [delivery["id"]]

    receiver.status = 200
    replayed = data(await ada.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"), 202)
    assert (replayed["id"], replayed["error_code"]) == (delivery["id"], None)
    [delivery] = await ended(ada, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("completed", 5)
    assert len({request.message_id for request in receiver.received}) == 1
    assert (await ada.get(f"/webhooks/{webhook['id']}"))["failing_since"] is None


async def test_a_timeout_is_a_failed_attempt(start: Start, receiver: Receiver) -> None:
    receiver.released.clear()
    async with start(**{**LOCAL, "webhook_retry_seconds": ()}, webhook_timeout_seconds=0.2) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "timed_out")


async def test_a_retry_to_a_disabled_webhook_fails_without_a_request(start: Start, receiver: Receiver) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("3600",)}) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())
        await attempted(client, webhook)
        data(await client.ask("PATCH", f"/webhooks/{webhook['id']}", json={"enabled": False}))
        [delivery] = await deliveries(client, webhook)

        def make_due(found: Delivery) -> None:
            found.next_attempt_at = now()

        await client.deps.deliveries.update(delivery["id"], make_due)
        client.deps.worker.wake()
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], delivery["error_code"]) == ("failed", "WEBHOOK_DISABLED")
    assert len(receiver.received) == 1


async def test_a_test_is_sent_once_also_to_a_disabled_webhook(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    await ada.ask("PATCH", f"/webhooks/{webhook['id']}", json={"enabled": False})
    receiver.statuses = [500]
    delivery = data(await ada.ask("POST", f"/webhooks/{webhook['id']}/test"), 202)
    assert (delivery["type"], delivery["status"]) == ("webhook.test", "pending")
    [delivery] = await ended(ada, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 1)
    assert (await ada.get(f"/webhooks/{webhook['id']}"))["failing_since"] is None
    data(await ada.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"), 202)
    await eventually(lambda: len(receiver.received) == 2)
    assert receiver.received[1].content["data"] == {"webhook_id": webhook["id"]}
    receiver.received[1].verify(webhook["secret"])


async def test_pending_deliveries_survive_a_restart(start: Start, receiver: Receiver) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("3600",)}) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())
        await attempted(client, webhook)
        [delivery] = await deliveries(client, webhook)
        assert delivery["status"] == "pending"
        assert delivery["next_attempt_at"] > delivery["created_at"]
    receiver.status = 200
    async with start(**LOCAL) as client:
        data(await client.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"), 202)
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("completed", 2)
