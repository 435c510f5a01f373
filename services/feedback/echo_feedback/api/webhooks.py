"""Endpoints for webhooks."""

from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.webhooks import GuestWebhooksError, WebhookLimitError, WebhookNotFoundError
from echo_common.contracts.http.webhooks import (
    ChangeWebhookRequest,
    CreatedWebhook,
    CreateWebhookRequest,
    WebhookSecret,
    WebhookView,
)
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_feedback import views
from echo_feedback.api import examples
from echo_feedback.api.dependencies import Deps
from echo_feedback.api.parameters import WebhookId
from echo_feedback.usecases import webhooks
from echo_feedback.usecases.webhooks import WEBHOOK_ORDERS

PageQuery = Annotated[Page, Depends(paginated(*WEBHOOK_ORDERS))]

router = PublicRouter("webhooks")


@router.endpoint(
    "POST",
    "/webhooks",
    status=201,
    errors=(GuestWebhooksError, WebhookLimitError),
    example=enveloped(examples.WEBHOOK | {"secret": examples.WEBHOOK_SECRET}),
)
async def create_webhook(
    body: CreateWebhookRequest, principal: AccountHolder, deps: Deps, _: Annotated[None, Depends(forbid_storing)]
) -> Success[CreatedWebhook]:
    """Create a webhook.

    Echo sends the events of the user to its URL as signed POST requests, in the format of Standard Webhooks. Its host must
    resolve to public addresses alone. The secret is shown in this response alone.
    """
    webhook, secret = await webhooks.create_webhook(body, principal, deps)
    return ok(CreatedWebhook(**views.webhook_view(webhook).model_dump(), secret=secret))


@router.endpoint("GET", "/webhooks", example=enveloped([examples.WEBHOOK]))
async def list_webhooks(principal: AccountHolder, deps: Deps, page: PageQuery) -> Success[list[WebhookView]]:
    """List the user's webhooks, newest first."""
    found, total = await webhooks.list_webhooks(principal, page, deps)
    return ok([views.webhook_view(webhook) for webhook in found], meta=page.meta(total))


@router.endpoint("GET", "/webhooks/{webhook_id}", errors=(WebhookNotFoundError,), example=enveloped(examples.WEBHOOK))
async def get_webhook(webhook_id: WebhookId, principal: AccountHolder, deps: Deps) -> Success[WebhookView]:
    """Get a webhook."""
    return ok(views.webhook_view(await webhooks.find_webhook(webhook_id, principal, deps)))


@router.endpoint(
    "PATCH",
    "/webhooks/{webhook_id}",
    idempotent=True,
    errors=(WebhookNotFoundError,),
    example=enveloped(examples.WEBHOOK),
)
async def change_webhook(
    webhook_id: WebhookId, body: ChangeWebhookRequest, principal: AccountHolder, deps: Deps
) -> Success[WebhookView]:
    """Change a webhook, disable it, or enable it again.

    Events that occur while it is disabled are not sent later.
    """
    return ok(views.webhook_view(await webhooks.change_webhook(webhook_id, body, principal, deps)))


@router.endpoint(
    "DELETE",
    "/webhooks/{webhook_id}",
    idempotent=True,
    errors=(WebhookNotFoundError,),
    example=enveloped(None, message="The webhook is deleted."),
)
async def delete_webhook(webhook_id: WebhookId, principal: AccountHolder, deps: Deps) -> Success[None]:
    """Delete a webhook and the log of its deliveries."""
    await webhooks.delete_webhook(webhook_id, principal, deps)
    return ok(None, message="The webhook is deleted.")


@router.endpoint(
    "POST",
    "/webhooks/{webhook_id}/secret",
    errors=(WebhookNotFoundError,),
    example=enveloped({"secret": examples.WEBHOOK_SECRET, "previous_secret_expires_at": "2026-02-01T10:00:00Z"}),
)
async def replace_webhook_secret(
    webhook_id: WebhookId, principal: AccountHolder, deps: Deps, _: Annotated[None, Depends(forbid_storing)]
) -> Success[WebhookSecret]:
    """Replace the secret of a webhook.

    For 24 hours deliveries are signed with both secrets, so that receivers can change theirs meanwhile. The secret is shown in
    this response alone.
    """
    secret, expires_at = await webhooks.rotate_secret(webhook_id, principal, deps)
    return ok(WebhookSecret(secret=secret, previous_secret_expires_at=expires_at))
