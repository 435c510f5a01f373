"""Event handlers of the auth service: confirmations of erasures, and acts in other services for the audit log."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from echo_auth.dependencies import Dependencies
from echo_auth.usecases.erasures import confirm_erasure
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.feedback import (
    FeedbackUserDataErased,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookSecretReplaced,
    WebhookUrlChanged,
)
from echo_common.contracts.events.gateway import GatewayUserDataErased
from echo_common.contracts.events.listening import ListeningUserDataErased
from echo_common.contracts.events.synthesis import SynthesisUserDataErased
from echo_common.contracts.events.voice import VoiceUserDataErased
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.webhooks import DisabledReason

subscriptions = Subscriptions[Dependencies]()

UserDataErased = (
    FeedbackUserDataErased | GatewayUserDataErased | ListeningUserDataErased | SynthesisUserDataErased | VoiceUserDataErased
)
WebhookEvent = WebhookCreated | WebhookDeleted | WebhookDisabled | WebhookEnabled | WebhookSecretReplaced | WebhookUrlChanged

_WEBHOOK_ACTIONS: Mapping[type[WebhookEvent], AuditAction] = MappingProxyType(
    {
        WebhookCreated: AuditAction.WEBHOOK_CREATED,
        WebhookDeleted: AuditAction.WEBHOOK_DELETED,
        WebhookDisabled: AuditAction.WEBHOOK_DISABLED,
        WebhookEnabled: AuditAction.WEBHOOK_ENABLED,
        WebhookSecretReplaced: AuditAction.WEBHOOK_SECRET_REPLACED,
        WebhookUrlChanged: AuditAction.WEBHOOK_URL_CHANGED,
    }
)


async def confirm(event: UserDataErased, dependencies: Dependencies) -> None:
    """Record that the publishing service has erased the user's data; after the last one, erase the account."""
    await confirm_erasure(event.user_id, event.topic.partition(".")[0], dependencies)


for erased in get_args(UserDataErased):
    subscriptions.on(erased, idempotent=True)(confirm)


async def record_webhook_action(event: WebhookEvent, dependencies: Dependencies) -> None:
    """Append the action to the audit log, unless the log has it, after it took effect: its event was written with the change.

    The platform itself disables webhooks for other reasons than their user.
    """
    reason = event.reason if isinstance(event, WebhookDisabled) else None
    by_user = reason in {None, DisabledReason.USER}
    details = {"webhook_id": event.webhook_id, **({} if reason is None else {"reason": reason})}
    actor = event.user_id if by_user else None
    action = _WEBHOOK_ACTIONS[type(event)]
    await dependencies.audit.record(action, actor=actor, target=event.user_id, event=event, **details)


for webhook_event in get_args(WebhookEvent):
    subscriptions.on(webhook_event, idempotent=True, concurrency=1)(record_webhook_action)
