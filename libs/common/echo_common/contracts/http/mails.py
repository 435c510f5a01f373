"""Response bodies of mails."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class MailKind(StrEnum):
    """The reason for a mail."""

    REGISTRATION = "registration"
    GUEST_UPGRADE = "guest_upgrade"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - not a secret
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGED = "email_changed"
    RETENTION_WARNING = "retention_warning"
    EXPORT_READY = "export_ready"


class MailStatus(StrEnum):
    """The status of a mail. All but the first are terminal.

    `logged`: left to the operator, because no mail server is configured; `dropped`: there was nothing to send.
    """

    PENDING = "pending"
    SENT = "sent"
    LOGGED = "logged"
    DROPPED = "dropped"
    FAILED = "failed"


class MailView(BaseModel):
    """A mail to a user."""

    id: str
    kind: MailKind
    to: str = Field(description="Address of the recipient.")
    status: MailStatus
    link: str | None = Field(
        description="Link to pass on to the recipient; null if a mail server is configured, or the mail has no valid link."
    )
    attempts: int
    error: str | None = Field(description="Error of the last attempt.")
    created_at: datetime
    expires_at: datetime = Field(description="Time at which the link becomes invalid.")
