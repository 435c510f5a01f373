"""Use cases of email addresses: their change and confirmation."""

from datetime import timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.confirmations import confirm_registration
from echo_auth.usecases.mails import find_mail, queue_mail
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.reauthentication import confirm_password
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.auth import EmailConflictError, InvalidLinkError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import UserPatch
from echo_common.contracts.http.mails import MailKind
from echo_common.errors import refuse
from echo_common.http.languages import request_language
from echo_common.store.port import DuplicateError

_CONFIRMED = (MailKind.REGISTRATION, MailKind.GUEST_UPGRADE, MailKind.EMAIL_CHANGE)
_NOTICE_DELAY = timedelta(seconds=2)


async def prepare_change(
    patch: UserPatch, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> OutgoingMail | None:
    """Return the mail with a confirmation link to the new address, if there is one; the current one stays in use until then.

    Whether the new address has an account is not disclosed. Raises `ValidationError` without the current password,
    `WrongPasswordError`, `TooManyAttemptsError`, `UserNotFoundError`.
    """
    if patch.email is None:
        return None
    if patch.current_password is None:
        refuse("current_password", "Send the current password to change the email address.")
    user = await deps.users.get(principal.user_id)
    await confirm_password(user, patch.current_password.get_secret_value(), origin, deps)
    language = (await load_profile(user, deps)).preferred_language or request_language()
    return OutgoingMail.request(MailKind.EMAIL_CHANGE, patch.email, language, now(), user_id=user.id, previous_email=user.email)


async def confirm_email(token: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Confirm the address of a new account or of a guest, or a new address. Raises `InvalidLinkError`, `EmailConflictError`."""
    mail = await find_mail(token, deps)
    user = await deps.users.find_one({"_id": mail.open_link(now(), *_CONFIRMED)})
    if user is None:
        raise InvalidLinkError
    if mail.kind is not MailKind.EMAIL_CHANGE:
        await confirm_registration(mail, user, origin, deps)
        return
    if not _is_valid(mail, user):
        raise InvalidLinkError
    await deps.audit.record(AuditAction.EMAIL_CHANGED, actor=user.id, target=user.id, address=origin.address)
    await _inform_previous_address(mail, user, deps)

    def confirm(found: User) -> None:
        if not _is_valid(mail, found):
            raise InvalidLinkError
        found.confirm_email(mail.email)

    try:
        await deps.users.amend(user, confirm)
    except DuplicateError as error:
        raise EmailConflictError from error


def _is_valid(mail: OutgoingMail, user: User) -> bool:
    return user.email == mail.previous_email and user.session_generation == mail.generation and user.is_active


async def _inform_previous_address(mail: OutgoingMail, user: User, deps: Dependencies) -> None:
    if user.email is None:
        return
    notice = OutgoingMail.request(
        MailKind.EMAIL_CHANGED, user.email, mail.language, now(), user_id=user.id, delay=_NOTICE_DELAY
    )
    await queue_mail(notice, deps)
