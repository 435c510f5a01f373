"""Use cases of sharing: find another user, who must allow it unless the id is known."""

from typing import Any

from echo_auth.dependencies import Dependencies
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import UserNotFoundError
from echo_common.contracts.http.auth import FoundUser, Recipient, RecipientRequest
from echo_common.errors import refuse


async def find_user(email: str | None, username: str | None, principal: Principal, deps: Dependencies) -> FoundUser:
    """Find a user by email address or by username.

    Raises `UserNotFoundError`, alike for users who do not exist and users who do not allow it, `TooManyAttemptsError` after too
    many such lookups, `ValidationError`.
    """
    if (email is None) == (username is None):
        refuse("email", "Send either email or username, and not both.")
    where = {"email": email} if email is not None else {"username_key": str(username).lower()}
    user = await _discoverable(where, principal.user_id, deps)
    profile = await deps.profiles.find_one({"_id": user.id})
    return FoundUser(id=user.id, name=(profile.full_name if profile else "") or user.username)


async def find_recipient(request: RecipientRequest, deps: Dependencies) -> Recipient:
    """Return the recipient of a share: any user by id, or a user who allows it by email address.

    Raises `UserNotFoundError`, `TooManyAttemptsError`.
    """
    if request.email is not None:
        user: User | None = await _discoverable({"email": request.email}, request.shared_by, deps)
    else:
        user = await deps.users.find_one({"_id": request.user_id, "is_active": True})
    if user is None:
        raise UserNotFoundError
    return Recipient(user_id=user.id)


async def _discoverable(where: dict[str, Any], asked_by: str, deps: Dependencies) -> User:
    """Return the user if found by a single query, so that the time does not tell whether the account exists."""
    await deps.throttle.count_attempt(Attempt.LOOKUP, asked_by, None)
    user = await deps.users.find_one({**where, "discoverable": True, "is_active": True})
    if user is None:
        raise UserNotFoundError
    await deps.throttle.revert_attempt(Attempt.LOOKUP, asked_by, None)
    return user
