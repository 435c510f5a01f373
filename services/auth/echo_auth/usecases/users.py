"""Use cases of the user's own account."""

from datetime import datetime, timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.domain.profiles import Profile
from echo_auth.domain.users import User
from echo_common.contracts.errors.auth import UsernameConflictError
from echo_common.contracts.http.auth import UserPatch, UserView
from echo_common.store.port import DuplicateError

_ACTIVITY_EXACT_TO = timedelta(hours=1)


async def get_user(user_id: str, deps: Dependencies) -> UserView:
    """Return the user's own view of the account. Raises `UserNotFoundError`."""
    user = await deps.users.get(user_id)
    return view_of(user, await profile_of(user, deps))


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


async def record_activity(user: User, at: datetime, deps: Dependencies) -> User:
    """Record that a credential of the user was used, at most once an hour."""
    recent = user.last_active_date is not None and at - user.last_active_date < _ACTIVITY_EXACT_TO
    return user if recent else await deps.users.update(user.id, lambda found: found.record_activity(at))


async def profile_of(user: User, deps: Dependencies) -> Profile:
    """Return the profile of a user; an empty one if none is stored."""
    return await deps.profiles.find_one({"_id": user.id}) or Profile(id=user.id, user_id=user.id)


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
