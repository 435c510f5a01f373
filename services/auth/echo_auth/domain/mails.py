"""Mails to users, from the request until their delivery, and the links in them."""

from datetime import datetime, timedelta

from echo_auth.domain.registration import Registration
from echo_common.aggregate import Aggregate
from echo_common.contracts.errors.auth import InvalidLinkError
from echo_common.contracts.http.mails import MailKind, MailStatus
from echo_common.ids import new_id

_LASTS = {
    MailKind.REGISTRATION: timedelta(days=1),
    MailKind.GUEST_UPGRADE: timedelta(days=1),
    MailKind.PASSWORD_RESET: timedelta(hours=1),
    MailKind.EMAIL_CHANGE: timedelta(days=1),
    MailKind.EMAIL_CHANGED: timedelta(days=7),
    MailKind.RETENTION_WARNING: timedelta(days=7),
    MailKind.EXPORT_READY: timedelta(days=7),
}


class OutgoingMail(Aggregate):
    """A mail that a request has caused.

    Its content is determined when it is sent, not in the request: so requests for known and unknown addresses do the same. Its
    link is derived from its id, so that no secret is stored.
    """

    kind: MailKind
    email: str
    language: str
    user_id: str | None = None
    previous_email: str | None = None
    registration: Registration | None = None
    status: MailStatus = MailStatus.PENDING
    with_link: bool = False
    generation: int = 0
    """The user's session generation when the link was issued; a later one makes the link invalid."""
    attempts: int = 0
    next_attempt_at: datetime
    expires_at: datetime
    error: str | None = None

    @classmethod
    def request(
        cls,
        kind: MailKind,
        email: str,
        language: str,
        at: datetime,
        *,
        user_id: str | None = None,
        previous_email: str | None = None,
        registration: Registration | None = None,
        delay: timedelta = timedelta(),
    ) -> "OutgoingMail":
        """Create a pending mail."""
        return cls(
            id=new_id("mail"),
            kind=kind,
            email=email,
            language=language,
            user_id=user_id,
            previous_email=previous_email,
            registration=registration,
            next_attempt_at=at + delay,
            expires_at=at + _LASTS[kind],
        )

    def claim(self, at: datetime, lasts: timedelta) -> None:
        """Start an attempt; another one may start when it has not ended after `lasts`."""
        self.attempts += 1
        self.next_attempt_at = at + lasts

    def issue_link(self, user_id: str, generation: int) -> None:
        """Set the user for whom the link is valid, and until which session generation."""
        self.user_id, self.generation, self.with_link = user_id, generation, True

    def finish(self, status: MailStatus, error: str | None = None) -> None:
        """End the delivery; a registration is only kept for the user who opens its link."""
        self.status, self.error = status, error
        if not self.with_link or status is MailStatus.FAILED:
            self.registration = None

    def defer(self, until: datetime, error: str) -> None:
        """Try again later, unless the mail has expired by then."""
        self.next_attempt_at, self.error = until, error
        if until >= self.expires_at:
            self.finish(MailStatus.FAILED, error)

    def open_link(self, at: datetime, *kinds: MailKind) -> str:
        """Return the id of the user for whom the link is valid. Raises `InvalidLinkError`."""
        if self.kind not in kinds or not self.with_link or at >= self.expires_at or self.user_id is None:
            raise InvalidLinkError
        return self.user_id
