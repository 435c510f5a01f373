"""Use case of a login with a passkey instead of a password."""

from echo_auth.dependencies import Dependencies
from echo_auth.usecases.passkeys import use_passkey
from echo_auth.usecases.sessions import RequestOrigin, start_session
from echo_auth.usecases.users import profile_of
from echo_common.clock import now
from echo_common.contracts.errors.auth import AccountInactiveError
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.http.auth import Login
from echo_common.contracts.http.passkeys import Credential


async def log_in(credential: Credential, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session of the passkey's owner.

    The passkey counts as both factors: its authenticator has checked a PIN or biometrics. Raises `InvalidPasskeyError`,
    `AccountInactiveError`.
    """
    passkey = await use_passkey(credential, deps, verify_user=True)
    user = await deps.users.find_one({"_id": passkey.user_id})
    if user is None:
        raise InvalidPasskeyError
    if not user.is_active:
        raise AccountInactiveError
    user = await deps.users.update(user.id, lambda found: found.logged_in(now(), network=origin.network))
    return await start_session(user, await profile_of(user, deps), origin, deps)
