"""Webhooks are disabled automatically: by receivers that are gone, and after days of failures alone."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from echo_common.clock import now
from echo_common.contracts.events.feedback import WebhookDisabled
from echo_common.contracts.system_settings import WEBHOOKS_DISABLED_AFTER_DAYS
from echo_feedback.domain.webhooks import Webhook
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.receiver import Receiver
from tests.support.webhooks import LOCAL, completed, created, deliveries, ended


@pytest.fixture
async def ada(start: Start) -> AsyncIterator[FeedbackClient]:
    async with start(**LOCAL) as client:
        yield client


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


async def test_a_success_ends_the_failures(ada: FeedbackClient, receiver: Receiver) -> None:
    webhook = await created(ada, receiver)

    def fail(found: Webhook) -> None:
        found.failing_since = now() - timedelta(days=4)

    await ada.deps.webhooks.update(webhook["id"], fail)
    await ada.publish(completed())
    await ended(ada, webhook)
    shown = await ada.get(f"/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["failing_since"]) == (True, None)
