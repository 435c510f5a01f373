"""Use cases of webhooks and of the log of deliveries to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.webhooks import GuestWebhooksError, WebhookDisabledError, WebhookLimitError
from echo_common.contracts.http.webhooks import (
    ChangeWebhookRequest,
    CreateWebhookRequest,
    DisabledReason,
    WebhookEvent,
)
from echo_common.contracts.system_settings import WEBHOOKS
from echo_common.contracts.values import JobStatus, Plan
from echo_common.encryption import Encryption
from echo_common.errors import refuse
from echo_common.http.pagination import Page
from echo_common.ids import new_id
from echo_common.store.port import Sort
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.deliveries import Delivery
from echo_feedback.domain.webhook_signatures import create_secret
from echo_feedback.domain.webhooks import Webhook
from echo_feedback.outbound.urls import UrlError
from echo_feedback.repository.webhooks import Webhooks
from echo_feedback.usecases.webhook_delivery import queue_test

WEBHOOK_ORDERS: Final = ("created_at", "updated_at")
DELIVERY_ORDERS: Final = ("created_at",)
"""Fields by which the lists can be sorted."""

_OLDEST: Final[Sort] = [("created_at", 1), ("_id", 1)]
_NOT_NULL: Final = ("url", "events", "enabled")
_RESOLUTION_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Filter of the deliveries to a user's webhook; absent conditions match every delivery."""

    webhook_id: str
    status: JobStatus | None = None
    event: str | None = None

    def where(self, user_id: str) -> dict[str, Any]:
        """Return the filter in the store's form."""
        equal = {
            "webhook_id": self.webhook_id,
            "user_id": user_id,
            "status": self.status.value if self.status else None,
            "event_type": self.event,
        }
        return {name: value for name, value in equal.items() if value is not None}


async def require_secret(webhooks: Webhooks, encryption: Encryption) -> None:
    """Raise `DecryptionError` if the secrets in the database were encrypted with another secret."""
    webhook = await webhooks.find_one({})
    if webhook is not None:
        encryption.decrypt(webhook.secret)


async def create_webhook(body: CreateWebhookRequest, principal: Principal, deps: Dependencies) -> tuple[Webhook, str]:
    """Create a webhook; return it and its secret, which is stored encrypted.

    Raises `GuestWebhooksError`, `WebhookLimitError`, `ValidationError`, `RateLimitedError`.
    """
    if principal.plan is Plan.GUEST:
        raise GuestWebhooksError
    user_id, limit = principal.user_id, deps.live_settings.get(WEBHOOKS)
    if await deps.webhooks.count({"user_id": user_id}) >= limit:
        raise WebhookLimitError
    await _require_url(body.url, principal, deps)
    secret = create_secret()
    webhook = Webhook(
        id=new_id("whk"),
        user_id=user_id,
        url=body.url,
        events=_ordered(body.events),
        description=body.description or None,
        secret=deps.webhook_encryption.encrypt(secret.encode()),
    )
    webhook.record_creation()
    await deps.webhooks.add(webhook)
    oldest = deps.webhooks.find({"user_id": user_id}, sort=_OLDEST, limit=limit)
    if webhook.id not in [kept.id async for kept in oldest]:  # concurrent requests: the first ones remain
        await deps.webhooks.update(webhook.id, Webhook.delete, user_id=user_id)
        raise WebhookLimitError
    return webhook, secret


async def list_webhooks(principal: Principal, page: Page, deps: Dependencies) -> tuple[list[Webhook], int]:
    """Return a page of the user's webhooks, newest first by default, and their total number."""
    where = {"user_id": principal.user_id}
    found = deps.webhooks.find(where, sort=_sort(page), skip=page.offset, limit=page.limit)
    return [webhook async for webhook in found], await deps.webhooks.count(where)


async def find_webhook(webhook_id: str, principal: Principal, deps: Dependencies) -> Webhook:
    """Return the user's webhook. Raises `WebhookNotFoundError`, also for another user's."""
    return await deps.webhooks.get(webhook_id, user_id=principal.user_id)


async def change_webhook(webhook_id: str, body: ChangeWebhookRequest, principal: Principal, deps: Dependencies) -> Webhook:
    """Change the fields that the request names.

    Raises `WebhookNotFoundError`, `ValidationError`, `RateLimitedError`.
    """
    await find_webhook(webhook_id, principal, deps)
    named = body.model_fields_set
    for name in _NOT_NULL:
        if name in named and getattr(body, name) is None:
            refuse(name, "This field cannot be null.")
    if body.url is not None:
        await _require_url(body.url, principal, deps)
    at = now()

    def change(webhook: Webhook) -> None:
        webhook.drop_expired_secrets(at)
        if body.url is not None:
            webhook.change_url(body.url)
        if body.events is not None:
            webhook.events = _ordered(body.events)
        if "description" in named:
            webhook.description = body.description or None
        if body.enabled:
            webhook.enable()
        elif body.enabled is False:
            webhook.disable(DisabledReason.USER, at)

    return await deps.webhooks.update(webhook_id, change, user_id=principal.user_id)


async def delete_webhook(webhook_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete the user's webhook and the deliveries to it. Raises `WebhookNotFoundError`."""
    await deps.webhooks.update(webhook_id, Webhook.delete, user_id=principal.user_id)
    await deps.deliveries.delete_of_webhook(webhook_id, principal.user_id)


async def rotate_secret(webhook_id: str, principal: Principal, deps: Dependencies) -> tuple[str, datetime]:
    """Replace the secret; return the new one and the time until which the former one signs, too.

    Raises `WebhookNotFoundError`.
    """
    secret, at = create_secret(), now()
    encrypted = deps.webhook_encryption.encrypt(secret.encode())
    webhook = await deps.webhooks.update(
        webhook_id, lambda found: found.rotate_secret(encrypted, at), user_id=principal.user_id
    )
    return secret, webhook.find_overlap_end(at) or at


async def send_test(webhook_id: str, principal: Principal, deps: Dependencies) -> Delivery:
    """Queue a test and return its delivery. Raises `WebhookNotFoundError`."""
    return await queue_test(await find_webhook(webhook_id, principal, deps), deps)


async def list_deliveries(
    wanted: DeliveryFilter, principal: Principal, page: Page, deps: Dependencies
) -> tuple[list[Delivery], int]:
    """Return a page of the deliveries that match, newest first by default, and their total number.

    Raises `WebhookNotFoundError`, also for another user's webhook.
    """
    await find_webhook(wanted.webhook_id, principal, deps)
    where = wanted.where(principal.user_id)
    found = deps.deliveries.find(where, sort=_sort(page), skip=page.offset, limit=page.limit)
    return [delivery async for delivery in found], await deps.deliveries.count(where)


async def find_delivery(webhook_id: str, delivery_id: str, principal: Principal, deps: Dependencies) -> Delivery:
    """Return a delivery to the user's webhook. Raises `DeliveryNotFoundError`, also for another user's."""
    return await deps.deliveries.get(delivery_id, webhook_id=webhook_id, user_id=principal.user_id)


async def replay_delivery(webhook_id: str, delivery_id: str, principal: Principal, deps: Dependencies) -> Delivery:
    """Deliver the event again, now. Raises the errors of `find_delivery`, `WebhookDisabledError`, `DeliveryStateConflictError`."""
    delivery = await find_delivery(webhook_id, delivery_id, principal, deps)
    webhook = await find_webhook(webhook_id, principal, deps)
    if not webhook.enabled and not delivery.is_test:
        raise WebhookDisabledError
    replayed = await deps.deliveries.update(
        delivery_id, lambda found: found.replay(now()), webhook_id=webhook_id, user_id=principal.user_id
    )
    deps.worker.wake()
    return replayed


async def _require_url(url: str, principal: Principal, deps: Dependencies) -> None:
    """Raise `ValidationError` if no delivery to the URL would be made. Its addresses are checked again at each delivery.

    Raises `RateLimitedError` after too many queries of the user.
    """
    queries, user_id = deps.user_queries, principal.user_id
    try:
        await deps.outbound.require_permitted(deps.outbound.parse(url), queries, user_id, seconds=_RESOLUTION_SECONDS)
    except UrlError as error:
        refuse("url", str(error))


def _ordered(events: list[WebhookEvent]) -> tuple[WebhookEvent, ...]:
    return tuple(event for event in WebhookEvent if event in events)


def _sort(page: Page) -> Sort:
    return [(page.sort_by, page.direction), ("_id", page.direction)]
