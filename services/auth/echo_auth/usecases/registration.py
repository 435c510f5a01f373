"""Use cases of registration."""

from contextlib import suppress
from typing import Any

import structlog

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.passwords import list_personal_terms
from echo_auth.domain.profiles import to_datetime
from echo_auth.domain.registration import Registration
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_auth.usecases.mails import queue_mail
from echo_auth.usecases.sessions import start_session
from echo_common.clock import now
from echo_common.contracts.errors.auth import EmailConflictError, UsernameConflictError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Login, RegisterRequest
from echo_common.contracts.http.mails import MailKind
from echo_common.contracts.system_settings import VERIFY_EMAIL
from echo_common.contracts.values import Plan, Role
from echo_common.errors import ConflictError
from echo_common.http.languages import request_language
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError


async def register(request: RegisterRequest, origin: RequestOrigin, deps: Dependencies) -> Login | None:
    """Create a user and log in; or, where addresses are confirmed first, queue the registration and return None.

    A queued registration of a taken address does the same as one of a new address. Raises `EmailConflictError` where addresses
    are not confirmed, `UsernameConflictError`, `WeakPasswordError`, `TooManyAttemptsError` after many conflicts.
    """
    confirm_first = deps.live_settings.get(VERIFY_EMAIL)
    await require_free(None if confirm_first else request.email, request.username, origin, deps)
    registration = await create_registration(new_id("usr"), request, origin, deps)
    if confirm_first:
        language = request.preferred_language or request_language()
        mail = OutgoingMail.request(MailKind.REGISTRATION, request.email, language, now(), registration=registration)
        await queue_mail(mail, deps)
        return None
    user = await _create(registration.user(email_confirmed=True), registration, deps)
    return await start_session(user, registration.profile(), origin, deps)


async def create_registered(registration: Registration, deps: Dependencies) -> None:
    """Create the account of a queued registration, unless its address has one; without its username if that is taken by now."""
    if await find_conflict(None, registration.username, deps):
        registration = registration.model_copy(update={"username": None})
    if await deps.users.named(registration.email) is None:
        with suppress(ConflictError):  # registered meanwhile
            await _create(registration.user(email_confirmed=False), registration, deps)


async def ensure_admin(deps: Dependencies) -> None:
    """Create the administrator from the settings, unless the account exists; an existing password is never changed."""
    email, password = deps.settings.admin_email, deps.settings.admin_password
    if email is None or password is None or await deps.users.named(email) is not None:
        return
    hashed = await deps.passwords.hash(password.get_secret_value())
    registration = Registration(user_id=new_id("usr"), email=email, password_hash=hashed, plan=Plan.PREMIUM, role=Role.ADMIN)
    try:
        await _create(registration.user(email_confirmed=True, email_verified=True), registration, deps)
    except EmailConflictError:
        return  # another replica was faster
    structlog.get_logger("echo.auth").info("administrator_created", email=email)


async def require_free(email: str | None, username: str | None, origin: RequestOrigin, deps: Dependencies) -> None:
    """Raise `EmailConflictError` or `UsernameConflictError` for a taken one, `TooManyAttemptsError` after many of them."""
    await deps.throttle.require_attempts(Attempt.REGISTRATION, "", origin.address)
    if conflict := await find_conflict(email, username, deps):
        await deps.throttle.count_attempt(Attempt.REGISTRATION, "", origin.address, from_known_network=True)
        raise conflict


async def create_registration(
    user_id: str, request: RegisterRequest, origin: RequestOrigin, deps: Dependencies
) -> Registration:
    """Check and hash the password of a registration. Raises `WeakPasswordError`."""
    details: dict[str, Any] = request.model_dump(include={"email", "username", "first_name", "last_name", "preferred_language"})
    terms = list_personal_terms(request.email, request.username, request.first_name, request.last_name)
    return Registration(
        **details,
        user_id=user_id,
        password_hash=await deps.passwords.hash_new(request.password.get_secret_value(), terms),
        date_of_birth=to_datetime(request.date_of_birth),
        address=origin.address,
    )


async def _create(user: User, registration: Registration, deps: Dependencies) -> User:
    profile = registration.profile()
    if user.email_confirmed:
        user.record_login(now())
    plan, role = registration.plan.value, registration.role.value
    await deps.audit.record(AuditAction.REGISTERED, target=user.id, address=registration.address, plan=plan, role=role)
    if await deps.profiles.find_one({"_id": profile.id}) is None:  # else an earlier attempt has created it
        await deps.profiles.add(profile)  # first, so that every account has a profile
    try:
        await deps.users.add(user)
    except DuplicateError as error:
        await deps.profiles.update(profile.id, lambda found: found.erase())
        conflict = await find_conflict(registration.email, registration.username, deps)
        raise conflict or build_conflict("email", EmailConflictError) from error
    return user


async def find_conflict(email: str | None, username: str | None, deps: Dependencies) -> ConflictError | None:
    """Return the error of a registration whose address or username is taken, or None."""
    if email is not None and await deps.users.named(email) is not None:
        return build_conflict("email", EmailConflictError)
    if username is not None and await deps.users.named(username) is not None:
        return build_conflict("username", UsernameConflictError)
    return None


def build_conflict(field: str, kind: type[ConflictError]) -> ConflictError:
    """Build the error of a field whose value is taken."""
    message = kind().message
    return kind(f"{field}: {message}", details=[{"field": field, "message": message}])
