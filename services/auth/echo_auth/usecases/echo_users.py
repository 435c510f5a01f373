"""Use cases of the Echo API: user documents, guests and the local user."""

from contextlib import suppress
from hashlib import sha256

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.guests import create_guest
from echo_auth.usecases.profiles import load_profile
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.http.auth import LOCAL_USER_ID, EchoUser, LocalSession
from echo_common.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from echo_common.store.port import DuplicateError

_LOCAL_SESSION_ID = "ses_local"


async def name_user(name: str, email: str, principal: Principal | None, origin: RequestOrigin, deps: Dependencies) -> EchoUser:
    """Return the principal's user document; without a principal, create a guest if the settings allow it.

    Looks up no email but the principal's own, so that the response reveals nothing about other users. Raises
    `UnauthenticatedError`, `ForbiddenError`, `GuestsDisabledError`, `TooManyAttemptsError`.
    """
    if principal is None:
        if not deps.settings.anonymous_users:
            raise UnauthenticatedError
        return await _create_guest(name, email, origin, deps)
    user = await deps.users.get(principal.user_id)
    if user.id == LOCAL_USER_ID:
        return EchoUser(id=_client_user_id(email), name=name, email=email, created_at=user.created_at)
    if user.email not in {None, email}:
        raise ForbiddenError("The email is not that of the token.")
    known = await load_profile(user, deps)
    return EchoUser(id=user.id, name=known.full_name or name, email=email, created_at=user.created_at)


async def start_local_session(deps: Dependencies) -> LocalSession:
    """Return an access token of the local user. Raises `NotFoundError` if the Echo API requires a token."""
    if not deps.api_without_token:
        raise NotFoundError
    user = await deps.users.find_one({"_id": LOCAL_USER_ID})
    if user is None:
        with suppress(DuplicateError):  # another replica or request was faster
            await deps.users.add(User.local())
        user = await deps.users.get(LOCAL_USER_ID)
    token = deps.signer.access_token(user, _LOCAL_SESSION_ID, now())
    return LocalSession(access_token=token, expires_in=int(deps.signer.lasts.total_seconds()))


async def _create_guest(name: str, email: str, origin: RequestOrigin, deps: Dependencies) -> EchoUser:
    login = await create_guest(origin, deps, first_name=name)
    return EchoUser(
        id=login.user.id,
        name=name,
        email=email,
        created_at=login.user.created_at,
        access_token=login.access_token,
        refresh_token=login.refresh_token,
    )


def _client_user_id(email: str) -> str:
    """Return the id that labels an email's data within the local user's account; it is not an account."""
    return f"usr_local_{sha256(email.encode()).hexdigest()[:24]}"
