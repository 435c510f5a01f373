"""Endpoints for passwords."""

from fastapi import Depends

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.usecases import passwords
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import (
    CrossSiteRequestError,
    InvalidLinkError,
    SessionNotFoundError,
    TooManyAttemptsError,
    UserNotFoundError,
    WeakPasswordError,
    WrongPasswordError,
)
from echo_common.contracts.http.auth import Tokens
from echo_common.contracts.http.passwords import (
    ChangePasswordRequest,
    ForgotPasswordRequest,
    ResetPasswordRequest,
)
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

_REQUESTED = "If the address has an account, a link to reset the password is on its way."

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/password/change",
    credentials=True,
    errors=(
        WrongPasswordError,
        WeakPasswordError,
        TooManyAttemptsError,
        SessionNotFoundError,
        UserNotFoundError,
        CrossSiteRequestError,
    ),
    example=enveloped(examples.TOKENS),
)
async def change_password(
    body: ChangePasswordRequest, principal: AccountHolder, origin: Origin, cookie: TokenCookie, deps: Deps
) -> Success[Tokens]:
    """Change the password.

    All other sessions end. The current one continues with the tokens in the response; earlier tokens are refused everywhere
    within five seconds.
    """
    return ok(cookie.keep(await passwords.change_password(body, principal, origin, deps)))


@router.endpoint(
    "POST",
    "/auth/password/forgot",
    credentials=True,
    status=202,
    errors=(TooManyAttemptsError,),
    example=enveloped(None, message=_REQUESTED),
)
async def request_password_reset(body: ForgotPasswordRequest, origin: Origin, deps: Deps) -> Success[None]:
    """Send a link to reset the password.

    The response is the same for addresses with and without an account.
    """
    await passwords.request_reset(body.email, origin, deps)
    return ok(None, message=_REQUESTED)


@router.endpoint(
    "POST",
    "/auth/password/reset",
    credentials=True,
    errors=(InvalidLinkError, WeakPasswordError),
    example=enveloped(None, message="The password is changed; log in with it."),
)
async def reset_password(body: ResetPasswordRequest, origin: Origin, deps: Deps) -> Success[None]:
    """Set a new password with the token of a reset link.

    The link is valid once and for one hour. All sessions end.
    """
    await passwords.reset_password(body, origin, deps)
    return ok(None, message="The password is changed; log in with it.")
