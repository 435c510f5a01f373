"""Webhooks: URLs of users that receive events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.feedback import WebhookCreated, WebhookDeleted, WebhookDisabled
from echo_common.contracts.http.webhooks import DisabledReason, WebhookEvent

SECRET_OVERLAP: Final = timedelta(hours=24)
"""Time for which the former secret still signs after a rotation."""

_SKEW: Final = timedelta(minutes=1)


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
    previous_secret: bytes | None = None
    previous_secret_expires_at: datetime | None = None

    def record_creation(self) -> None:
        """Record that the user created the webhook."""
        self.record(WebhookCreated(webhook_id=self.id, user_id=self.user_id))

    def delete(self) -> None:
        """Delete the webhook."""
        self.record(WebhookDeleted(webhook_id=self.id, user_id=self.user_id))
        self.erase()

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

    def disable(self, reason: DisabledReason, at: datetime) -> None:
        """Disable the webhook; the first reason stays."""
        if self.enabled:
            self.enabled = False
            self.disabled_reason, self.disabled_at = reason, at
            self.record(WebhookDisabled(webhook_id=self.id, user_id=self.user_id, reason=reason.value))

    def rotate_secret(self, secret: bytes, at: datetime) -> datetime:
        """Replace the secret; return the time until which the former one signs, too."""
        expires_at = at + SECRET_OVERLAP
        self.previous_secret, self.previous_secret_expires_at = self.secret, expires_at
        self.secret = secret
        return expires_at

    def signing_secrets(self, at: datetime) -> Sequence[bytes]:
        """Return the encrypted secrets that sign a delivery, the current one first."""
        previous, expires_at = self.previous_secret, self.previous_secret_expires_at
        return [self.secret, previous] if previous is not None and expires_at is not None and at < expires_at else [self.secret]

    def expects_note(self, *, succeeded: bool, at: datetime, failing_days: int) -> bool:
        """Return whether the result of an attempt changes this state, so that most attempts need no write."""
        if succeeded:
            return self.failing_since is not None
        return self.enabled and (self.failing_since is None or self._failed_for(at, failing_days))

    def note_success(self) -> None:
        """Record a successful delivery."""
        self.failing_since = None

    def note_failure(self, at: datetime, failing_days: int) -> None:
        """Record a failed attempt; disable the webhook after this number of days with failures alone. 0 disables none."""
        self.failing_since = self.failing_since or at
        if self._failed_for(at, failing_days):
            self.disable(DisabledReason.FAILING, at)

    def _failed_for(self, at: datetime, days: int) -> bool:
        return bool(days) and self.failing_since is not None and at - self.failing_since >= timedelta(days=days)
