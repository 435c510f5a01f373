"""Request and response bodies of the audit log."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class AuditAction(StrEnum):
    """An action in the audit log, in the past tense."""

    API_KEY_CREATED = "api_key_created"
    API_KEY_DELETED = "api_key_deleted"
    EXPORT_REQUESTED = "export_requested"
    EXPORT_DOWNLOADED = "export_downloaded"
    EXPORT_LINKED = "export_linked"
    EXPORT_DELETED = "export_deleted"
    GUEST_UPGRADED = "guest_upgraded"
    ACCOUNT_ARCHIVED = "account_archived"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_ERASED = "account_erased"
    LOGGED_IN = "logged_in"
    LOGIN_REFUSED = "login_refused"
    LOGGED_OUT = "logged_out"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - not a secret
    RETENTION_WARNED = "retention_warned"
    REGISTERED = "registered"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - not a secret
    PASSWORD_RESET = "password_reset"  # noqa: S105 - not a secret
    EMAIL_CHANGED = "email_changed"
    SESSION_ENDED = "session_ended"
    SETTING_CHANGED = "setting_changed"
    TWO_FACTOR_ENABLED = "two_factor_enabled"
    TWO_FACTOR_DISABLED = "two_factor_disabled"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    PASSKEY_REGISTERED = "passkey_registered"
    IDENTITY_LINKED = "identity_linked"
    PASSKEY_DELETED = "passkey_deleted"
    USER_CHANGED = "user_changed"
    USER_LOGGED_OUT = "user_logged_out"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_DELETED = "webhook_deleted"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_ENABLED = "webhook_enabled"
    WEBHOOK_SECRET_REPLACED = "webhook_secret_replaced"  # noqa: S105 - not a secret
    WEBHOOK_URL_CHANGED = "webhook_url_changed"


class AuditEntryView(BaseModel):
    """An entry of the audit log. Users are named by pseudonyms, which survive the erasure of the account."""

    sequence: int = Field(description="Position in the log, from 1 without gaps.")
    at: datetime = Field(description="Time of recording. Actions on webhooks are recorded after they took effect.")
    action: AuditAction
    actor: str | None = Field(description="Pseudonym of the user who acted; null if unknown, or the platform itself.")
    target: str | None = Field(description="Pseudonym of the user whose account is concerned.")
    network: str | None = Field(description="Network of the client's address: a /24 of IPv4, a /48 of IPv6.")
    details: dict[str, bool | int | str | None] = Field(
        description="Further values; of actions on webhooks also `event_id`, and `occurred_at`, the time of the action."
    )
    previous: str = Field(description="Hash of the entry before.")
    hash: str = Field(description="HMAC-SHA-256 of the entry and of the hash before.")


class AuditProblem(BaseModel):
    """A contradiction in the audit log."""

    sequence: int
    problem: str = Field(description="`edited`, `missing` or `foreign`.")


class AuditVerification(BaseModel):
    """The result of verifying the whole audit log."""

    intact: bool
    entries: int = Field(description="Number of entries read.")
    sequence: int = Field(description="Sequence number of the newest entry; note it with `hash` to detect a later truncation.")
    hash: str = Field(description="Hash of the newest entry.")
    problems: list[AuditProblem] = Field(description="The first 100 problems.")
