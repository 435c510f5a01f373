"""Endpoints for passwords."""

from fastapi import Depends

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin, secret
from echo_auth.usecases import passwords
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import (
    SessionNotFoundError,
    TooManyAttemptsError,
    UserNotFoundError,
    WeakPasswordError,
    WrongPasswordError,
)
from echo_common.contracts.http.auth import Tokens
from echo_common.contracts.http.passwords import ChangePasswordRequest
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(secret)])


@router.endpoint(
    "POST",
    "/auth/password/change",
    errors=(WrongPasswordError, WeakPasswordError, TooManyAttemptsError, SessionNotFoundError, UserNotFoundError),
    example=enveloped(examples.TOKENS),
)
async def change_password(body: ChangePasswordRequest, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[Tokens]:
    """Change the password.

    All other sessions end. The current one continues with the tokens in the response; earlier tokens are refused everywhere
    within five seconds.
    """
    return ok(await passwords.change_password(body, principal, origin, deps))
