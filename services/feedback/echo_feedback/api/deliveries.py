"""Endpoints for deliveries to webhooks."""

from typing import Annotated

from fastapi import Depends, Query

from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.webhooks import (
    DeliveryNotFoundError,
    DeliveryStateConflictError,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from echo_common.contracts.http.webhooks import DeliveryView
from echo_common.contracts.values import JobStatus
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.api.parameters import DeliveryId, WebhookId
from echo_feedback.usecases import webhooks
from echo_feedback.usecases.webhooks import DELIVERY_ORDERS, DeliveryFilter

PageQuery = Annotated[Page, Depends(paginated(*DELIVERY_ORDERS))]

router = PublicRouter("webhooks")


@router.endpoint(
    "POST",
    "/webhooks/{webhook_id}/test",
    status=202,
    idempotent=True,
    errors=(WebhookNotFoundError,),
    example=enveloped(examples.PENDING_TEST),
)
async def send_test_event(webhook_id: WebhookId, principal: AccountHolder, deps: Deps) -> Success[DeliveryView]:
    """Send an event of the type `webhook.test` to a webhook, also to a disabled one.

    It is sent once. Get the delivery to see its result.
    """
    return ok(views.delivery_view(await webhooks.send_test(webhook_id, principal, deps)))


@router.endpoint(
    "GET",
    "/webhooks/{webhook_id}/deliveries",
    errors=(WebhookNotFoundError,),
    example=enveloped([examples.DELIVERY]),
)
async def list_deliveries(
    webhook_id: WebhookId,
    principal: AccountHolder,
    deps: Deps,
    page: PageQuery,
    status: Annotated[JobStatus | None, Query(description="Filter by status.")] = None,
    event: Annotated[str | None, Query(max_length=40, description="Filter by type of event.")] = None,
) -> Success[list[DeliveryView]]:
    """List the deliveries to a webhook, newest first, with their attempts."""
    wanted = DeliveryFilter(webhook_id, status, event)
    found, total = await webhooks.list_deliveries(wanted, principal, page, deps)
    return ok([views.delivery_view(delivery) for delivery in found], meta=page.meta(total))


@router.endpoint(
    "GET",
    "/webhooks/{webhook_id}/deliveries/{delivery_id}",
    errors=(DeliveryNotFoundError,),
    example=enveloped(examples.DELIVERY),
)
async def get_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, principal: AccountHolder, deps: Deps
) -> Success[DeliveryView]:
    """Get a delivery to a webhook with its attempts."""
    return ok(views.delivery_view(await webhooks.find_delivery(webhook_id, delivery_id, principal, deps)))


@router.endpoint(
    "POST",
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    status=202,
    idempotent=True,
    errors=(DeliveryNotFoundError, WebhookNotFoundError, WebhookDisabledError, DeliveryStateConflictError),
    example=enveloped(examples.PENDING_TEST),
)
async def replay_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, principal: AccountHolder, deps: Deps
) -> Success[DeliveryView]:
    """Deliver an event again, with the same `webhook-id`; also before the next attempt of a pending delivery."""
    return ok(views.delivery_view(await webhooks.replay_delivery(webhook_id, delivery_id, principal, deps)))
