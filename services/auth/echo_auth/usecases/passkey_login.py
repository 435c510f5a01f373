"""Use case of a login with a passkey instead of a password."""

from echo_auth.dependencies import Dependencies
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.usecases.passkeys import use_passkey
from echo_auth.usecases.sessions import complete_login
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Login
from echo_common.contracts.http.passkeys import Credential


async def log_in(credential: Credential, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session of the passkey's owner.

    The passkey counts as both factors: its authenticator has checked a PIN or biometrics. Raises `InvalidPasskeyError`,
    `AccountInactiveError`.
    """
    try:
        passkey = await use_passkey(credential, deps, verify_user=True)
    except InvalidPasskeyError:
        await deps.audit.record(AuditAction.LOGIN_REFUSED, address=origin.address)
        raise
    user = await deps.users.find_one({"_id": passkey.user_id})
    if user is None:
        raise InvalidPasskeyError
    return await complete_login(user, origin, deps)
