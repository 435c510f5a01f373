"""Metrics of webhooks: requests and deliveries by outcome, waiting deliveries, and webhooks disabled automatically."""

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from echo_common.store.port import StoreUnavailableError
from tests.integration.feedback.conftest import FeedbackClient, Start
from tests.support.eventually import eventually
from tests.support.receiver import Receiver
from tests.support.webhooks import LOCAL, completed, created, ended

Samples = Mapping[tuple[str, str], float]


async def samples(client: FeedbackClient) -> Samples:
    """Return the samples of webhooks by name and label."""
    families = text_string_to_metric_families((await client.http.get("/metrics")).text)
    found = [sample for family in families for sample in family.samples]
    labels = ("outcome", "reason", "queue")
    return {
        (sample.name, value): sample.value for sample in found for label in labels if (value := sample.labels.get(label, ""))
    }


async def until_counted(client: FeedbackClient, number: int) -> None:
    """Wait until this number of deliveries is counted, which follows the end of the last."""

    async def counted() -> bool:
        found = await samples(client)
        return sum(value for (name, _), value in found.items() if name == "echo_webhook_deliveries_total") == number

    await eventually(counted)


async def test_requests_and_deliveries_are_counted_by_outcome(start: Start, receiver: Receiver) -> None:
    async with start(**LOCAL) as ada:
        webhook = await created(ada, receiver)
        receiver.statuses = [500, 302]
        await ada.publish(completed(1))
        await ended(ada, webhook)
        receiver.status = 503
        await ada.publish(completed(2))
        await ended(ada, webhook, 2)
        receiver.status = 410
        await ada.publish(completed(3))
        await ended(ada, webhook, 3)
        await until_counted(ada, 3)
        found = await samples(ada)
    seconds = "echo_webhook_request_duration_seconds"
    counted = {outcome: found[f"{seconds}_count", outcome] for outcome in ("delivered", "refused", "redirected")}
    assert counted == {"delivered": 1, "refused": 1 + 4 + 1, "redirected": 1}
    assert found[f"{seconds}_sum", "delivered"] > 0
    assert found["echo_webhook_deliveries_total", "delivered"] == 1
    assert found["echo_webhook_deliveries_total", "failed"] == 2
    assert found["echo_webhooks_disabled_total", "gone"] == 1
    assert ("echo_webhooks_disabled_total", "failing") not in found


async def test_a_delivery_that_is_repeated_after_an_outage_is_counted_once(
    start: Start, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 410
    async with start(**LOCAL) as ada:
        webhooks, outages = ada.deps.webhooks, [StoreUnavailableError()]
        amend = webhooks.amend

        async def fail_once(*values: Any, **fields: Any) -> Any:
            if outages:
                raise outages.pop()
            return await amend(*values, **fields)

        webhook = await created(ada, receiver)
        monkeypatch.setattr(webhooks, "amend", fail_once)
        await ada.publish(completed())
        await ended(ada, webhook)
        await until_counted(ada, 1)
        found = await samples(ada)
    assert len(receiver.received) == 2
    assert found["echo_webhook_deliveries_total", "failed"] == 1
    assert found["echo_webhooks_disabled_total", "gone"] == 1


async def test_waiting_deliveries_are_measured(start: Start, receiver: Receiver) -> None:
    receiver.status = 500
    async with start(**LOCAL | {"webhook_retry_seconds": ("3600",)}) as ada:
        await created(ada, receiver)
        await ada.publish(completed())

        async def waiting() -> bool:
            found = await samples(ada)
            depth, age = found["echo_task_queue_depth", "webhooks"], found["echo_task_queue_age_seconds", "webhooks"]
            return (depth, age, len(receiver.received)) == (1, 0, 1)  # the retry is not due

        await eventually(waiting)
