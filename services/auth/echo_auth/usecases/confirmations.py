"""Use cases of confirmed registrations: the data of the registration whose link was opened count."""

from collections.abc import Callable

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.registration import Registration
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.erasures import delete_account
from echo_auth.usecases.guests import complete_profile
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.registration import find_conflict
from echo_common.clock import now
from echo_common.contracts.errors.auth import EmailConflictError, InvalidLinkError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.mails import MailKind
from echo_common.store.port import DuplicateError


async def confirm_registration(mail: OutgoingMail, user: User, origin: RequestOrigin, deps: Dependencies) -> None:
    """Confirm a new account, or make a user of a guest, with the data of the mail's registration.

    Another user may have registered the address before its owner: so an earlier password must not remain. Raises
    `InvalidLinkError`, `EmailConflictError`.
    """
    registration = mail.registration
    is_upgrade = mail.kind is MailKind.GUEST_UPGRADE
    if registration is None or not _may_confirm(mail, user):
        raise InvalidLinkError
    if is_upgrade:
        await _free_address(mail.email, origin, deps)
        await deps.audit.record(AuditAction.GUEST_UPGRADED, actor=user.id, target=user.id, address=origin.address)
    replaces = registration.user_id != user.id
    if replaces:
        await deps.audit.record(AuditAction.PASSWORD_RESET, target=user.id, address=origin.address)
    user = await _save(user, registration, deps, _change(mail, registration, replaces=replaces))
    if is_upgrade or replaces:
        await complete_profile(registration.profile(), await load_profile(user, deps), deps)
    await _forget_registrations(mail.email, deps)


def _may_confirm(mail: OutgoingMail, user: User) -> bool:
    if mail.kind is MailKind.GUEST_UPGRADE:
        return user.is_guest and user.is_active
    return user.email == mail.email and not user.email_confirmed


def _change(mail: OutgoingMail, registration: Registration, *, replaces: bool) -> Callable[[User, str | None], None]:
    def change(user: User, username: str | None) -> None:
        if not _may_confirm(mail, user):
            raise InvalidLinkError
        if mail.kind is MailKind.GUEST_UPGRADE:
            user.upgrade(email=mail.email, username=username, password_hash=registration.password_hash, at=now())
        elif replaces:
            user.replace_credentials(username=username, password_hash=registration.password_hash, at=now())
        user.confirm_email(mail.email)

    return change


async def _save(user: User, registration: Registration, deps: Dependencies, change: Callable[[User, str | None], None]) -> User:
    """Save the confirmed user, without the username if another account has it by now. Raises `EmailConflictError`."""
    username = registration.username
    try:
        return await deps.users.amend(user, lambda found: change(found, username))
    except DuplicateError as error:
        if await find_conflict(None, username, deps) is None:
            raise EmailConflictError from error
    try:
        return await deps.users.update(user.id, lambda found: change(found, None))
    except DuplicateError as error:
        raise EmailConflictError from error


async def _free_address(email: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Delete an account with this address that was neither confirmed nor used. Raises `EmailConflictError` for others."""
    holder = await deps.users.named(email)
    if holder is None:
        return
    if holder.email_confirmed or holder.last_login is not None:
        raise EmailConflictError

    def release(found: User) -> None:
        if found.email_confirmed or found.last_login is not None:
            raise EmailConflictError
        found.email = None

    await delete_account(await deps.users.amend(holder, release), None, origin, deps)


async def _forget_registrations(email: str, deps: Dependencies) -> None:
    """Remove the registrations of an address, with their password hashes, from its mails."""

    def forget(mail: OutgoingMail) -> None:
        mail.registration = None

    for mail in [mail async for mail in deps.mails.find({"email": email})]:
        if mail.registration is not None:
            await deps.mails.amend(mail, forget)
