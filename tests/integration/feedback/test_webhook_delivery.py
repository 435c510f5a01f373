"""Deliveries of events to webhooks: signed, at least once, again after failures, and one receiver never holds up another."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.feedback import WebhookDisabled
from echo_common.contracts.events.synthesis import JobCancelled, JobCompleted, JobFailed
from echo_common.contracts.system_settings import RETENTION_DELIVERIES_DAYS, WEBHOOKS, WEBHOOKS_DISABLED_AFTER_DAYS
from echo_feedback.domain.deliveries import Delivery
from echo_feedback.domain.webhooks import FormerSecret, Webhook
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.receiver import Receiver

LOCAL = {"webhook_networks": ("127.0.0.0/8",), "webhook_http": True, "webhook_retry_seconds": ("0", "0", "0")}
EVENTS = ["job.completed", "job.failed", "rating.submitted"]


def completed(number: int = 1, user_id: str = "usr_ada", **fields: Any) -> JobCompleted:
    return JobCompleted(job_id=f"job_{number}", user_id=user_id, audio_id=f"aud_{number}", duration=1.5, **fields)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as found:
        yield found


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start(**LOCAL) as client:
        yield client


async def created(client: FeedbackClient, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    body = {"url": receiver.url, "events": EVENTS, **fields}
    webhook: dict[str, Any] = data(await client.ask("POST", "/webhooks", json=body), 201)
    return webhook


async def deliveries(client: FeedbackClient, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.get(f"/webhooks/{webhook['id']}/deliveries", **query)
    return found


async def ended(client: FeedbackClient, webhook: dict[str, Any], number: int = 1) -> list[dict[str, Any]]:
    """Wait until this number of deliveries has ended, and return all."""

    async def reached() -> bool:
        found = await deliveries(client, webhook, limit=100)
        return sum(one["status"] in {"completed", "failed", "cancelled"} for one in found) >= number

    await eventually(reached, within=30)
    return await deliveries(client, webhook, limit=100)


async def test_events_of_the_user_are_sent_signed_and_logged(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    event = completed()
    await ada.publish(event, completed(2, "usr_eve"), JobCancelled(job_id="job_3", user_id="usr_ada"))
    [delivery] = await ended(ada, webhook)
    [request] = receiver.received
    request.verify(webhook["secret"])
    assert request.content == delivery["payload"]
    assert request.content["type"] == delivery["type"] == "job.completed"
    assert request.content["data"] == {"job_id": "job_1", "audio_id": "aud_1", "duration": 1.5}
    assert request.content["timestamp"] == event.model_dump(mode="json")["occurred_at"]
    assert request.message_id == delivery["message_id"]
    assert request.headers["content-type"] == "application/json"
    [attempt] = delivery["attempts"]
    assert (delivery["status"], attempt["status"], attempt["error"], attempt["response"]) == ("completed", 200, None, "ok")
    assert attempt["duration"] >= 0
    assert (delivery["next_attempt_at"], delivery["error_code"]) == (None, None)
    assert data(await ada.ask("GET", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}")) == delivery


async def test_ratings_are_sent_without_the_comment(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    audio_id = await ada.speech()
    rating = await ada.rated(audio_id, 4, comment="A secret.", categories=["natural"])
    [delivery] = await ended(ada, webhook)
    assert delivery["payload"]["data"] == {
        "rating_id": rating["id"],
        "audio_id": audio_id,
        "voice_id": "tone_low",
        "engine": "tone",
        "rating": 4,
        "categories": ["natural"],
        "reason": None,
    }


async def test_an_event_that_arrives_twice_is_sent_once_to_each_webhook(ada: FeedbackClient, receiver: Receiver) -> None:
    first, second = await created(ada, receiver), await created(ada, receiver)
    event = completed()
    await ada.publish(event, event)
    await ada.publish(event, completed(2))
    for webhook in (first, second):
        assert len(await ended(ada, webhook, 2)) == 2
    assert len(receiver.received) == 4
    assert len({request.message_id for request in receiver.received}) == 2


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


async def test_a_timeout_is_a_failed_attempt(start: Start, receiver: Receiver) -> None:
    receiver.released.clear()
    async with start(**{**LOCAL, "webhook_retry_seconds": ()}, webhook_timeout_seconds=0.2) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "timed_out")


async def test_a_receiver_that_is_gone_disables_the_webhook(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    receiver.status = 410
    await ada.publish(completed())
    [delivery] = await ended(ada, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 1)
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["disabled_reason"], shown["disabled_at"] is not None) == (False, "gone", True)
    await eventually(lambda: [event.reason for event in ada.heard_of(WebhookDisabled)] == ["gone"])
    await ada.publish(completed(2))
    path = f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"
    assert refusal(await ada.ask("POST", path)) == (409, "WEBHOOK_DISABLED_CONFLICT")
    assert len(await deliveries(ada, webhook)) == 1


async def test_days_of_failures_alone_disable_the_webhook_at_the_last_attempt(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    receiver.status = 500
    ada.deps.live_settings.replace({WEBHOOKS_DISABLED_AFTER_DAYS.key: 2})

    def fail_for_days(found: Webhook) -> None:
        found.failing_since = now() - timedelta(days=3)

    await ada.deps.webhooks.update(webhook["id"], fail_for_days)
    await ada.publish(completed())
    [delivery] = await ended(ada, webhook)
    assert (delivery["status"], delivery["error_code"], len(delivery["attempts"])) == ("failed", "DELIVERY_FAILED", 4)
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "failing")
    data(await ada.ask("PATCH", f"/webhooks/{webhook['id']}", json={"enabled": True}))
    receiver.status = 200
    data(await ada.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"), 202)
    assert [one["status"] for one in await ended(ada, webhook)] == ["completed"]


async def test_a_retry_to_a_disabled_webhook_fails_without_a_request(start: Start, receiver: Receiver) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("3600",)}) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())

        async def tried() -> bool:
            return bool([one for one in await deliveries(client, webhook) if one["attempts"]])

        await eventually(tried)
        data(await client.ask("PATCH", f"/webhooks/{webhook['id']}", json={"enabled": False}))
        [delivery] = await deliveries(client, webhook)

        def make_due(found: Delivery) -> None:
            found.next_attempt_at = now()

        await client.deps.deliveries.update(delivery["id"], make_due)
        client.deps.worker.wake()
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], delivery["error_code"]) == ("failed", "WEBHOOK_DISABLED")
    assert len(receiver.received) == 1


async def test_a_success_ends_the_failures(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)

    def fail(found: Webhook) -> None:
        found.failing_since = now() - timedelta(days=4)

    await ada.deps.webhooks.update(webhook["id"], fail)
    await ada.publish(completed())
    await ended(ada, webhook)
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["failing_since"]) == (True, None)


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


async def test_both_secrets_sign_after_a_rotation_until_the_former_expires(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)
    rotated = data(await ada.ask("POST", f"/webhooks/{webhook['id']}/secret"))
    await ada.publish(completed())
    await ended(ada, webhook)
    for secret in (webhook["secret"], rotated["secret"]):
        receiver.received[0].verify(secret)

    def expire(found: Webhook) -> None:
        found.former_secrets = tuple(FormerSecret(secret=former.secret, expires_at=now()) for former in found.former_secrets)

    await ada.deps.webhooks.update(webhook["id"], expire)
    assert (await ada.get(f"/webhooks/{webhook['id']}"))["previous_secret_expires_at"] is None
    await ada.publish(completed(2))
    await ended(ada, webhook, 2)
    receiver.received[1].verify(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verify(webhook["secret"])
    assert (await ada.deps.webhooks.get(webhook["id"])).former_secrets == ()


async def test_a_deleted_webhook_receives_nothing_more(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook, other = await created(ada, receiver), await created(ada, receiver)
    receiver.released.clear()
    await ada.publish(completed())
    await eventually(lambda: len(receiver.received) == 2)
    data(await ada.ask("DELETE", f"/webhooks/{webhook['id']}"))
    receiver.released.set()
    await ended(ada, other)
    await ada.publish(completed(2))
    await ended(ada, other, 2)
    assert len(receiver.received) == 3
    assert await ada.deps.deliveries.count({"webhook_id": webhook["id"]}) == 0


async def test_events_before_the_webhook_and_after_the_retention_are_not_sent(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)

    def age(found: Webhook) -> None:
        found.created_at = now() - timedelta(days=30)

    await ada.publish(completed(1, occurred_at=now() - timedelta(hours=1)))
    await ada.deps.webhooks.update(webhook["id"], age)
    ada.deps.live_settings.replace({RETENTION_DELIVERIES_DAYS.key: 3})
    await ada.publish(completed(2, occurred_at=now() - timedelta(days=4)), completed(3, occurred_at=now() - timedelta(days=2)))
    await ended(ada, webhook)
    assert [request.content["data"]["job_id"] for request in receiver.received] == ["job_3"]


async def test_addresses_are_checked_at_each_delivery(start: Start, receiver: Receiver) -> None:
    """The operator has withdrawn the permission since the webhook was created."""
    async with start(**LOCAL) as client:
        webhook = await created(client, receiver)
    async with start(webhook_retry_seconds=()) as client:
        await client.publish(completed())
        [delivery] = await ended(client, webhook)
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["address_refused"]
    assert receiver.received == []


async def test_pending_deliveries_survive_a_restart(start: Start, receiver: Receiver) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("3600",)}) as client:
        webhook = await created(client, receiver)
        await client.publish(completed())

        async def tried() -> bool:
            return bool([one for one in await deliveries(client, webhook) if one["attempts"]])

        await eventually(tried)
        [delivery] = await deliveries(client, webhook)
        assert delivery["status"] == "pending"
        assert delivery["next_attempt_at"] > delivery["created_at"]
    receiver.status = 200
    async with start(**LOCAL) as client:
        data(await client.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"), 202)
        [delivery] = await ended(client, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("completed", 2)


async def test_two_replicas_send_each_delivery_once(start: Start, receiver: Receiver) -> None:
    async with start(**LOCAL) as client, start(**LOCAL):
        webhook = await created(client, receiver)
        events: list[DomainEvent] = [completed(number) for number in range(30)]
        await client.publish(*events)
        await ended(client, webhook, 30)
    assert len(receiver.received) == 30


async def test_many_webhooks_of_a_user_are_all_served(ada: FeedbackClient, receiver: Receiver) -> None:
    ada.deps.live_settings.replace({WEBHOOKS.key: 100})
    webhooks = [await created(ada, receiver) for _ in range(70)]
    await ada.publish(completed())
    await eventually(lambda: len(receiver.received) == len(webhooks), within=30)
