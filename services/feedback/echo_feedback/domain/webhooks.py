"""Webhooks: URLs of users that receive events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.feedback import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookSecretReplaced,
    WebhookUrlChanged,
)
from echo_common.contracts.http.webhooks import DisabledReason, WebhookEvent

SECRET_OVERLAP: Final = timedelta(hours=24)
"""Time for which the former secret still signs after a rotation."""

_FORMER_SECRETS: Final = 5
"""Former secrets that sign at most; more rotations within a day drop the oldest."""

_SKEW: Final = timedelta(minutes=1)


class FormerSecret(BaseModel):
    """An encrypted secret that was replaced, and the time until which it still signs."""

    model_config = ConfigDict(frozen=True)

    secret: bytes
    expires_at: datetime


class Webhook(Aggregate):
    """A webhook of a user. Its secrets are encrypted."""

    user_id: str
    url: str
    events: tuple[WebhookEvent, ...]
    description: str | None = None
    enabled: bool = True
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    secret: bytes
    former_secrets: tuple[FormerSecret, ...] = ()
    """Newest first."""

    def record_creation(self) -> None:
        """Record that the user created the webhook."""
        self.record(WebhookCreated(webhook_id=self.id, user_id=self.user_id))

    def delete(self) -> None:
        """Delete the webhook."""
        self.record(WebhookDeleted(webhook_id=self.id, user_id=self.user_id))
        self.erase()

    def change_url(self, url: str) -> None:
        """Send later deliveries to another URL; the failures of the former one count no more."""
        if url != self.url:
            self.url, self.failing_since = url, None
            self.record(WebhookUrlChanged(webhook_id=self.id, user_id=self.user_id))

    def receives(self, event: WebhookEvent, occurred_at: datetime) -> bool:
        """Return whether an event is delivered: it is of a chosen type, and not older than the webhook.

        Clocks of services differ by up to a minute.
        """
        return self.enabled and event in self.events and occurred_at >= self.created_at - _SKEW

    def enable(self) -> None:
        """Enable the webhook; its failures so far count no more."""
        if not self.enabled:
            self.enabled = True
            self.disabled_reason = self.disabled_at = self.failing_since = None
            self.record(WebhookEnabled(webhook_id=self.id, user_id=self.user_id))

    def disable(self, reason: DisabledReason, at: datetime) -> None:
        """Disable the webhook; the first reason stays."""
        if self.enabled:
            self.enabled = False
            self.disabled_reason, self.disabled_at = reason, at
            self.record(WebhookDisabled(webhook_id=self.id, user_id=self.user_id, reason=reason.value))

    def rotate_secret(self, secret: bytes, at: datetime) -> datetime:
        """Replace the secret; return the time until which the former one signs, too. Earlier ones sign until their own expiry."""
        self.drop_expired_secrets(at)
        former = FormerSecret(secret=self.secret, expires_at=at + SECRET_OVERLAP)
        self.former_secrets = (former, *self.former_secrets)[:_FORMER_SECRETS]
        self.secret = secret
        self.record(WebhookSecretReplaced(webhook_id=self.id, user_id=self.user_id))
        return former.expires_at

    def drop_expired_secrets(self, at: datetime) -> None:
        """Remove the former secrets that no longer sign."""
        if any(former.expires_at <= at for former in self.former_secrets):
            self.former_secrets = tuple(former for former in self.former_secrets if at < former.expires_at)

    def find_overlap_end(self, at: datetime) -> datetime | None:
        """Return the time until which a former secret signs, too; None if none does."""
        return max((former.expires_at for former in self.former_secrets if at < former.expires_at), default=None)

    def signing_secrets(self, at: datetime) -> Sequence[bytes]:
        """Return the encrypted secrets that sign a delivery, the current one first."""
        return [self.secret, *(former.secret for former in self.former_secrets if at < former.expires_at)]

    def is_changed_by_result(self, *, succeeded: bool, final: bool, at: datetime, failing_days: int) -> bool:
        """Return whether the result of an attempt changes this state, so that most attempts need no write."""
        if any(former.expires_at <= at for former in self.former_secrets):
            return True
        if succeeded:
            return self.failing_since is not None
        return self.enabled and (self.failing_since is None or (final and self._failed_for(at, failing_days)))

    def note_success(self) -> None:
        """Record a successful delivery."""
        self.failing_since = None

    def note_failure(self, at: datetime, failing_days: int, *, final: bool) -> None:
        """Record a failed attempt; disable the webhook after this number of days with failures alone. 0 disables none.

        Only the last attempt of a delivery disables it: after days without events, one failed attempt is no reason.
        """
        self.failing_since = self.failing_since or at
        if final and self._failed_for(at, failing_days):
            self.disable(DisabledReason.FAILING, at)

    def _failed_for(self, at: datetime, days: int) -> bool:
        return bool(days) and self.failing_since is not None and at - self.failing_since >= timedelta(days=days)
