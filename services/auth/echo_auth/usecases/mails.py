"""Use cases of mails: queue, list, and the links in them."""

from collections.abc import Sequence
from datetime import datetime

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_common.clock import now
from echo_common.contracts.errors.auth import InvalidLinkError
from echo_common.contracts.http.mails import MailKind, MailStatus, MailView
from echo_common.http.pagination import Page

MAIL_ORDERS = ("created_at",)
"""Fields by which the list can be sorted."""

_PAGES = {
    MailKind.REGISTRATION: "confirm-email",
    MailKind.GUEST_UPGRADE: "confirm-email",
    MailKind.EMAIL_CHANGE: "confirm-email",
    MailKind.PASSWORD_RESET: "reset-password",
}


async def queue_mail(mail: OutgoingMail, deps: Dependencies) -> None:
    """Save a mail to be sent soon, also after a crash."""
    await deps.mails.add(mail)
    deps.mail_queued.set()


async def find_mail(token: str, deps: Dependencies) -> OutgoingMail:
    """Return the mail with a link. Raises `InvalidLinkError`."""
    mail = await deps.mails.find_one({"_id": deps.link_tokens.mail_id(token)})
    if mail is None:
        raise InvalidLinkError
    return mail


def build_link(mail: OutgoingMail, deps: Dependencies) -> str | None:
    """Return the link of a mail. The token is in the fragment, which browsers send to no server."""
    if not mail.with_link:
        return None
    return f"{deps.public_url}/{_PAGES[mail.kind]}#token={deps.link_tokens.issue(mail.id)}"


async def list_mails(status: MailStatus | None, page: Page, deps: Dependencies) -> tuple[Sequence[MailView], int]:
    """Return a page of the mails, and their total number; with links only where the operator passes them on."""
    where = {} if status is None else {"status": status.value}
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.mails.find(where, sort=order, skip=page.offset, limit=page.limit)
    moment = now()
    return [_view(mail, moment, deps) async for mail in found], await deps.mails.count(where)


def _view(mail: OutgoingMail, moment: datetime, deps: Dependencies) -> MailView:
    for_operator = deps.mailer.for_operator and mail.expires_at > moment
    return MailView(
        id=mail.id,
        kind=mail.kind,
        to=mail.email,
        status=mail.status,
        link=build_link(mail, deps) if for_operator else None,
        attempts=mail.attempts,
        error=mail.error,
        created_at=mail.created_at,
        expires_at=mail.expires_at,
    )
