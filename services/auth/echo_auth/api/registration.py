"""Endpoint for registrations."""

from fastapi import Depends, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.usecases import registration
from echo_common.contracts.errors.auth import (
    CrossSiteRequestError,
    EmailConflictError,
    TooManyAttemptsError,
    UsernameConflictError,
    WeakPasswordError,
)
from echo_common.contracts.http.auth import Login, RegisterRequest
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/register",
    credentials=True,
    status=201,
    errors=(EmailConflictError, UsernameConflictError, WeakPasswordError, TooManyAttemptsError, CrossSiteRequestError),
    example=enveloped(examples.LOGIN),
    other_responses={202: "Accepted: a mail with a confirmation link is on its way."},
)
async def register(
    body: RegisterRequest, origin: Origin, cookie: TokenCookie, deps: Deps, response: Response
) -> Success[Login | None]:
    """Register an account and log in.

    Where the operator requires confirmed email addresses, the response is 202 without tokens, whether or not the address has an
    account; the user logs in after `POST /auth/email/confirm`.
    """
    login = await registration.register(body, origin, deps)
    if login is None:
        response.status_code = 202
        return ok(None, message="Open the link in the mail that is on its way to you, then log in.")
    return ok(cookie.keep(login))
