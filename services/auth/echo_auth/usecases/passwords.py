"""Use cases of passwords."""

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.passwords import list_personal_terms
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.sessions import RefreshToken
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_auth.usecases.api_keys import revoke_keys
from echo_auth.usecases.mails import find_mail, queue_mail
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.reauthentication import confirm_password
from echo_auth.usecases.sessions import issue_tokens
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.auth import InvalidLinkError, WrongPasswordError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Tokens
from echo_common.contracts.http.mails import MailKind
from echo_common.contracts.http.passwords import ChangePasswordRequest, ResetPasswordRequest
from echo_common.http.languages import request_language


async def change_password(
    request: ChangePasswordRequest, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> Tokens:
    """Change the password, end all other sessions and return new tokens of the current one.

    Raises `WrongPasswordError`, `WeakPasswordError`, `TooManyAttemptsError`, `SessionNotFoundError`, `UserNotFoundError`.
    """
    user = await deps.users.get(principal.user_id)
    session = await deps.sessions.get(principal.session_id, user_id=user.id)
    await confirm_password(user, request.current_password.get_secret_value(), origin, deps)
    profile = await load_profile(user, deps)
    terms = list_personal_terms(user.email, user.username, profile.first_name, profile.last_name)
    hashed = await deps.passwords.hash_new(request.new_password.get_secret_value(), terms)
    generation = user.session_generation

    def replace(found: User) -> None:
        if found.session_generation != generation:  # the password was changed meanwhile
            raise WrongPasswordError
        found.change_password(hashed, now())

    await deps.audit.record(AuditAction.PASSWORD_CHANGED, actor=user.id, target=user.id, address=origin.address)
    user = await deps.users.update(user.id, replace)
    token = RefreshToken.issue(session.id)
    lasts = deps.settings.session_lasts
    await deps.sessions.update(session.id, lambda found: found.restart(token, now(), lasts, user.session_generation))
    return issue_tokens(user, profile, token, deps)


async def request_reset(email: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Send a reset link, if the address has an account; the request does the same if it has none.

    Raises `TooManyAttemptsError`.
    """
    await deps.throttle.count_attempt(Attempt.PASSWORD_RESET, email, origin.address)
    await queue_mail(OutgoingMail.request(MailKind.PASSWORD_RESET, email, request_language(), now()), deps)


async def reset_password(request: ResetPasswordRequest, origin: RequestOrigin, deps: Dependencies) -> None:
    """Set a new password with the token of a reset link, end all sessions and revoke all API keys.

    The link was sent to the address, so the address is confirmed. Raises `InvalidLinkError`, `WeakPasswordError`.
    """
    mail = await find_mail(request.token.get_secret_value(), deps)
    user = await deps.users.find_one({"_id": mail.open_link(now(), MailKind.PASSWORD_RESET)})
    if user is None or not _may_reset(mail, user):
        raise InvalidLinkError
    profile = await load_profile(user, deps)
    terms = list_personal_terms(user.email, user.username, profile.first_name, profile.last_name)
    hashed = await deps.passwords.hash_new(request.new_password.get_secret_value(), terms)

    def replace(found: User) -> None:
        if not _may_reset(mail, found):  # the change raises the generation, so the link is valid once
            raise InvalidLinkError
        found.change_password(hashed, now())
        found.email_confirmed = found.email_verified = True

    await deps.audit.record(AuditAction.PASSWORD_RESET, target=user.id, address=origin.address)
    await deps.users.amend(user, replace)
    await revoke_keys(user.id, deps)


def _may_reset(mail: OutgoingMail, user: User) -> bool:
    return user.is_active and user.email == mail.email and user.session_generation == mail.generation
