"""Errors of webhooks."""

from echo_common.errors import ConflictError, ForbiddenError, NotFoundError


class WebhookNotFoundError(NotFoundError):
    """Webhook not found; list webhooks with GET /api/v1/webhooks."""

    code = "WEBHOOK_NOT_FOUND"


class DeliveryNotFoundError(NotFoundError):
    """Delivery not found; list deliveries with GET /api/v1/webhooks/{webhook_id}/deliveries."""

    code = "DELIVERY_NOT_FOUND"


class WebhookLimitError(ConflictError):
    """The account has as many webhooks as it may have; delete one with DELETE /api/v1/webhooks/{webhook_id}."""

    code = "WEBHOOK_LIMIT_CONFLICT"


class WebhookDisabledError(ConflictError):
    """The webhook is disabled; enable it with PATCH /api/v1/webhooks/{webhook_id}."""

    code = "WEBHOOK_DISABLED_CONFLICT"


class DeliveryStateConflictError(ConflictError):
    """The delivery is being sent; wait for its end."""

    code = "DELIVERY_STATE_CONFLICT"


class GuestWebhooksError(ForbiddenError):
    """Guests have no webhooks; register with POST /api/v1/auth/guest/upgrade."""

    code = "GUEST_WEBHOOKS"
