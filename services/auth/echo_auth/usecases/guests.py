"""Use cases of guests: create one, upgrade it to a user."""

from echo_auth.dependencies import Dependencies
from echo_auth.domain.mails import OutgoingMail
from echo_auth.domain.profiles import Profile
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_auth.usecases.mails import queue_mail
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.registration import build_conflict, create_registration, find_conflict, require_free
from echo_auth.usecases.sessions import start_session
from echo_common.clock import now
from echo_common.contracts.errors.auth import EmailConflictError, GuestsDisabledError, NotGuestConflictError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Login, RegisterRequest
from echo_common.contracts.http.mails import MailKind
from echo_common.contracts.system_settings import GUESTS, VERIFY_EMAIL
from echo_common.http.languages import request_language
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError


async def create_guest(origin: RequestOrigin, deps: Dependencies, *, first_name: str | None = None) -> Login:
    """Create a guest and start a session. Raises `GuestsDisabledError`, `TooManyAttemptsError`."""
    if not deps.live_settings.get(GUESTS):
        raise GuestsDisabledError
    if origin.network is not None:
        await deps.throttle.count_attempt(Attempt.GUEST, origin.network, None)
    user = User.guest(new_id("usr"))
    user.record_login(now())
    profile = Profile(id=user.id, user_id=user.id, first_name=first_name)
    await deps.audit.record(AuditAction.REGISTERED, target=user.id, address=origin.address, plan=user.plan.value)
    await deps.profiles.add(profile)
    await deps.users.add(user)
    return await start_session(user, profile, origin, deps)


async def upgrade_guest(request: RegisterRequest, user_id: str, origin: RequestOrigin, deps: Dependencies) -> Login | None:
    """Make a user of a guest, end the guest's sessions and start a new one; or, where addresses are confirmed first, return None.

    The guest then stays one until the link in the mail is opened; whether the address is taken is not disclosed.
    Raises `NotGuestConflictError`, `EmailConflictError`, `UsernameConflictError`, `WeakPasswordError`, `TooManyAttemptsError`,
    `UserNotFoundError`.
    """
    _check_guest(await deps.users.get(user_id))
    confirm_first = deps.live_settings.get(VERIFY_EMAIL)
    await require_free(None if confirm_first else request.email, request.username, origin, deps)
    registration = await create_registration(user_id, request, origin, deps)
    if confirm_first:
        await deps.throttle.count_attempt(Attempt.UPGRADE, user_id, origin.address)
        language = request.preferred_language or request_language()
        mail = OutgoingMail.request(
            MailKind.GUEST_UPGRADE, request.email, language, now(), user_id=user_id, registration=registration
        )
        await queue_mail(mail, deps)
        return None
    hashed = registration.password_hash

    def upgrade(guest: User) -> None:
        _check_guest(guest)
        guest.upgrade(email=request.email, username=request.username, password_hash=hashed, at=now())
        guest.record_login(now())

    await deps.audit.record(AuditAction.GUEST_UPGRADED, actor=user_id, target=user_id, address=origin.address)
    try:
        user = await deps.users.update(user_id, upgrade)
    except DuplicateError as error:
        raise (await find_conflict(request.email, request.username, deps)) or build_conflict(
            "email", EmailConflictError
        ) from error
    profile = await complete_profile(registration.profile(), await load_profile(user, deps), deps)
    return await start_session(user, profile, origin, deps)


async def complete_profile(given: Profile, stored: Profile, deps: Dependencies) -> Profile:
    """Store the profile of a registration; values that it leaves out stay those of the stored profile."""
    changes = given.model_dump(include={"first_name", "last_name", "date_of_birth", "preferred_language"}, exclude_none=True)

    def change(profile: Profile) -> None:
        for name, value in changes.items():
            setattr(profile, name, value)

    return await deps.profiles.amend(stored, change)


def _check_guest(user: User) -> None:
    if not user.is_guest:
        raise NotGuestConflictError
