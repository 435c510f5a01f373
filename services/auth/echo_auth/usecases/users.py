"""Use cases of the user's own account: view, change, delete."""

from datetime import datetime, timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.profiles import Profile
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.erasures import delete_account
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.reauthentication import confirm_password, require_recent_login
from echo_auth.usecases.second_factors import check_second_factor
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import UsernameConflictError, WrongPasswordError
from echo_common.contracts.http.auth import UserPatch, UserView
from echo_common.contracts.http.erasures import DeleteAccountRequest
from echo_common.store.port import DuplicateError

_ACTIVITY_EXACT_TO = timedelta(hours=1)


async def get_user(user_id: str, deps: Dependencies) -> UserView:
    """Return the user's own view of the account. Raises `UserNotFoundError`."""
    user = await deps.users.get(user_id)
    return view_of(user, await load_profile(user, deps))


async def change_user(user_id: str, patch: UserPatch, deps: Dependencies) -> None:
    """Change settings of the user. Raises `UserNotFoundError`, `UsernameConflictError`."""

    def change(user: User) -> None:
        if patch.discoverable is not None:
            user.discoverable = patch.discoverable
        if patch.username is not None:
            user.rename(patch.username)

    try:
        await deps.users.update(user_id, change)
    except DuplicateError as error:
        message = UsernameConflictError.default_message()
        raise UsernameConflictError(details=[{"field": "username", "message": message}]) from error


async def delete_user(
    request: DeleteAccountRequest, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> Erasure:
    """Delete the principal's account.

    Raises `WrongPasswordError`, `TotpRequiredError`, `InvalidTotpCodeError`, `InvalidPasskeyError`, `TooManyAttemptsError`,
    `ReauthenticationRequiredError` for an account without a password, and the errors of `delete_account`.
    """
    user = await deps.users.get(principal.user_id)
    if user.password_hash is None:
        if not user.is_guest:
            await require_recent_login(principal, deps)
    else:
        if request.password is None:
            raise WrongPasswordError
        await confirm_password(user, request.password.get_secret_value(), origin, deps)
        await check_second_factor(user, request.totp_code, request.passkey, origin, deps)
    return await delete_account(user, principal.user_id, origin, deps)


async def record_activity(user: User, at: datetime, deps: Dependencies) -> User:
    """Record that a credential of the user was used, at most once an hour."""
    recent = user.last_active_date is not None and at - user.last_active_date < _ACTIVITY_EXACT_TO
    return user if recent else await deps.users.update(user.id, lambda found: found.record_activity(at))


def view_of(user: User, profile: Profile) -> UserView:
    """Build the view of a user."""
    return UserView(
        id=user.id,
        email=user.email,
        username=user.username,
        first_name=profile.first_name,
        last_name=profile.last_name,
        preferred_language=profile.preferred_language,
        date_of_birth=profile.birthday,
        plan=user.plan,
        role=user.role,
        two_factor_enabled=user.two_factor_enabled,
        discoverable=user.discoverable,
        created_at=user.created_at,
        last_login=user.last_login,
        last_active_date=user.last_active_date,
    )
