"""Delivery of queued mails in the background: at least once, again after failures and crashes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from types import MappingProxyType

import structlog

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.mail.port import Mail, MailRefusedError, MailUnavailableError
from echo_auth.usecases.mails import build_link
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.registration import create_registered
from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.backoff import Backoff
from echo_common.clock import now
from echo_common.contracts.http.mails import MailKind, MailStatus
from echo_common.errors import ConflictError, NotFoundError
from echo_common.messages.catalogue import text_of

_POLL_SECONDS = 2.0
_CLAIM = timedelta(minutes=5)  # exceeds the time limit of an SMTP connection
_BATCH = 20
_BACKOFF = Backoff(10, 1800)
_REQUESTED = frozenset({MailKind.EMAIL_CHANGE, MailKind.GUEST_UPGRADE, MailKind.PASSWORD_RESET, MailKind.REGISTRATION})
"""Kinds that anyone can have sent to an address: at most `_MOST_REQUESTED` each in a `_WINDOW`."""

_MOST_REQUESTED = 3
_WINDOW = timedelta(minutes=15)

_log = structlog.get_logger("echo.mail")


@asynccontextmanager
async def delivering(deps: Dependencies) -> AsyncIterator[None]:
    """Deliver mails while the context lasts."""
    async with running_in_background(_deliver_until_cancelled(deps)):
        yield


async def deliver_due(deps: Dependencies) -> int:
    """Deliver the mails that are due; return their number."""
    due = deps.mails.find(
        {"status": MailStatus.PENDING.value, "next_attempt_at": {"$lte": now()}}, sort=[("next_attempt_at", 1)], limit=_BATCH
    )
    mails = [mail async for mail in due]
    for mail in mails:
        with suppress(ConflictError, NotFoundError):  # another replica was faster, or its user is erased
            mail.claim(now(), _CLAIM)
            await deps.mails.save(mail)
            await _deliver(mail, deps)
    return len(mails)


async def _deliver_until_cancelled(deps: Dependencies) -> None:
    while True:
        deps.mail_queued.clear()
        found = 0
        with continue_after_errors(_log, "mail_delivery"):
            found = await deliver_due(deps)
        if found < _BATCH:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await deps.mail_queued.wait()


async def _deliver(mail: OutgoingMail, deps: Dependencies) -> None:
    template = await _PREPARE[mail.kind](mail, deps)
    if template is None or await _is_flooded(mail, deps):
        mail.finish(MailStatus.DROPPED)
        await deps.mails.save(mail)
        return
    await deps.mails.save(mail)  # a link is valid once its mail is sent
    link = build_link(mail, deps)
    values = {"email": mail.email, "link": link, "public_url": deps.public_url}
    subject, body = (text_of(f"mail.{template}.{part}", mail.language) for part in ("subject", "body"))
    try:
        await deps.mailer.send(Mail(mail.id, mail.email, subject, body.format_map(values), link))
    except MailRefusedError as error:
        _log.warning("mail_refused", mail_id=mail.id)
        change = partial(OutgoingMail.finish, status=MailStatus.FAILED, error=error.message)
    except MailUnavailableError as error:
        _log.warning("mail_deferred", mail_id=mail.id, attempt=mail.attempts, error=error.message)
        until = now() + timedelta(seconds=_BACKOFF.delay(mail.attempts))
        change = partial(OutgoingMail.defer, until=until, error=error.message)
    else:
        change = partial(OutgoingMail.finish, status=MailStatus.LOGGED if deps.mailer.for_operator else MailStatus.SENT)
    await deps.mails.amend(mail, change)  # the link may have been opened by now


async def _is_flooded(mail: OutgoingMail, deps: Dependencies) -> bool:
    """Return whether the address has received as many requested mails as may be sent in a window."""
    if mail.kind not in _REQUESTED:
        return False
    created = {"$gt": mail.created_at - _WINDOW, "$lt": mail.created_at}
    status = {"$ne": MailStatus.DROPPED.value}
    where = {"email": mail.email, "kind": mail.kind.value, "created_at": created, "status": status}
    return await deps.mails.count(where) >= _MOST_REQUESTED


async def _prepare_registration(mail: OutgoingMail, deps: Dependencies) -> str | None:
    """Create the account unless the address has one: a note then goes to its owner."""
    if mail.registration is not None and not mail.with_link:
        await create_registered(mail.registration, deps)
    user = await deps.users.named(mail.email)
    if user is None:
        return None
    if user.email_confirmed:
        mail.registration = None
        return "account_exists"
    mail.issue_link(user.id, user.session_generation)
    return "confirm_registration"


async def _prepare_upgrade(mail: OutgoingMail, deps: Dependencies) -> str | None:
    """Let the guest confirm the address, unless an account has it: a note then goes to its owner."""
    holder = await deps.users.named(mail.email)
    if holder is not None and holder.email_confirmed:
        mail.registration = None
        return "account_exists"
    guest = await deps.users.find_one({"_id": mail.user_id})
    if guest is None or not guest.is_guest or not guest.is_active:
        return None
    mail.issue_link(guest.id, guest.session_generation)
    return "confirm_registration"


async def _prepare_reset(mail: OutgoingMail, deps: Dependencies) -> str | None:
    user = await deps.users.named(mail.email)
    if user is None or not user.is_active:
        return None
    mail.issue_link(user.id, user.session_generation)
    mail.language = (await load_profile(user, deps)).preferred_language or mail.language
    return "password_reset"


async def _prepare_change(mail: OutgoingMail, deps: Dependencies) -> str | None:
    user = await deps.users.find_one({"_id": mail.user_id})
    if user is None or not user.is_active or user.email != mail.previous_email:
        return None
    if await deps.users.named(mail.email) is not None:
        return "account_exists"
    mail.issue_link(user.id, user.session_generation)
    return "confirm_email"


async def _prepare_retention_warning(mail: OutgoingMail, deps: Dependencies) -> str | None:
    return "retention_warning" if await _prepare_for_user(mail, deps) else None


async def _prepare_export_ready(mail: OutgoingMail, deps: Dependencies) -> str | None:
    return "export_ready" if await _prepare_for_user(mail, deps) else None


async def _prepare_for_user(mail: OutgoingMail, deps: Dependencies) -> bool:
    """Set the user's language; return False if the user has left or has another address."""
    user = await deps.users.find_one({"_id": mail.user_id})
    if user is None or not user.is_active or user.email != mail.email:
        return False
    mail.language = (await load_profile(user, deps)).preferred_language or mail.language
    return True


async def _prepare_notice(mail: OutgoingMail, deps: Dependencies) -> str | None:
    """Inform the old address, unless the change failed after the notice was queued."""
    user = await deps.users.find_one({"_id": mail.user_id})
    return None if user is None or user.email == mail.email else "email_changed"


_PREPARE: Mapping[MailKind, Callable[[OutgoingMail, Dependencies], Awaitable[str | None]]] = MappingProxyType(
    {
        MailKind.REGISTRATION: _prepare_registration,
        MailKind.GUEST_UPGRADE: _prepare_upgrade,
        MailKind.PASSWORD_RESET: _prepare_reset,
        MailKind.EMAIL_CHANGE: _prepare_change,
        MailKind.EMAIL_CHANGED: _prepare_notice,
        MailKind.RETENTION_WARNING: _prepare_retention_warning,
        MailKind.EXPORT_READY: _prepare_export_ready,
    }
)
"""Functions that prepare a mail and return the name of its text; None drops the mail."""
