"""Proofs that the owner of an account makes a request: a recent login, or the current password."""

from datetime import timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.auth import WrongPasswordError
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError

RECENT = timedelta(minutes=30)


async def require_recent_login(principal: Principal, deps: Dependencies) -> None:
    """Raise `ReauthenticationRequiredError` unless the principal's session started within the last 30 minutes.

    So a stolen token or API key does not suffice to add a way to log in.
    """
    session = await deps.sessions.find_one({"_id": principal.session_id, "user_id": principal.user_id})
    if session is None or session.start_time < now() - RECENT:
        raise ReauthenticationRequiredError


async def confirm_password(user: User, password: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Check the current password of a logged-in user. Raises `WrongPasswordError`, `TooManyAttemptsError`.

    Wrong passwords count towards the limit of logins.
    """
    account, known = user.email or user.id, user.knows(origin.network, now())
    await deps.throttle.count_attempt(Attempt.LOGIN, account, origin.address, from_known_network=known)
    verdict = await deps.passwords.check(password, user.password_hash)
    if not verdict.right:
        raise WrongPasswordError
    await deps.throttle.reset(Attempt.LOGIN, account, origin.address, from_known_network=known)
