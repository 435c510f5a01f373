"""Webhooks to receivers on this machine, and their deliveries."""

from typing import Any

from echo_common.contracts.events.synthesis import JobCompleted
from tests.integration.feedback.conftest import FeedbackClient
from tests.support.eventually import eventually
from tests.support.person import data
from tests.support.receiver import Receiver

LOCAL = {"webhook_networks": ("127.0.0.0/8",), "webhook_http": True, "webhook_retry_seconds": ("0", "0", "0")}
EVENTS = ["job.completed", "job.failed", "rating.submitted"]


def completed(number: int = 1, user_id: str = "usr_ada", **fields: Any) -> JobCompleted:
    return JobCompleted(job_id=f"job_{number}", user_id=user_id, audio_id=f"aud_{number}", duration=1.5, **fields)


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


async def attempted(client: FeedbackClient, webhook: dict[str, Any]) -> None:
    """Wait until a delivery of the webhook has been attempted."""

    async def reached() -> bool:
        return any(one["attempts"] for one in await deliveries(client, webhook))

    await eventually(reached)
