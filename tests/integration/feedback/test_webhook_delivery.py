"""Deliveries of events to webhooks: signed, once for each event, to enabled webhooks at permitted addresses."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.synthesis import JobCancelled
from echo_common.contracts.system_settings import RETENTION_DELIVERIES_DAYS
from echo_feedback.domain.webhooks import FormerSecret, Webhook
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import data
from tests.support.receiver import Receiver
from tests.support.webhooks import LOCAL, completed, created, ended


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start(**LOCAL) as client:
        yield client


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


async def test_two_replicas_send_each_delivery_once(start: Start, receiver: Receiver) -> None:
    async with start(**LOCAL) as client, start(**LOCAL):
        webhook = await created(client, receiver)
        events: list[DomainEvent] = [completed(number) for number in range(30)]
        await client.publish(*events)
        await ended(client, webhook, 30)
    assert len(receiver.received) == 30
