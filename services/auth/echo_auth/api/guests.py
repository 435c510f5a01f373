"""Endpoints for guests."""

from fastapi import Depends, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.refresh_cookie import TokenCookie
from echo_auth.usecases import guests
from echo_common.auth.dependencies import LoggedInUser
from echo_common.contracts.errors.auth import (
    CrossSiteRequestError,
    EmailConflictError,
    GuestsDisabledError,
    NotGuestConflictError,
    TooManyAttemptsError,
    UsernameConflictError,
    UserNotFoundError,
    WeakPasswordError,
)
from echo_common.contracts.http.auth import Login, RegisterRequest
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/guest",
    credentials=True,
    status=201,
    errors=(GuestsDisabledError, TooManyAttemptsError, CrossSiteRequestError),
    example=enveloped(examples.LOGIN | {"user": examples.USER | {"email": None, "username": None, "plan": "guest"}}),
)
async def create_guest(origin: Origin, cookie: TokenCookie, deps: Deps) -> Success[Login]:
    """Create a guest.

    A guest has an account with small quotas, and neither an address nor a password: the refresh token alone continues it.
    """
    return ok(cookie.keep(await guests.create_guest(origin, deps)))


@router.endpoint(
    "POST",
    "/auth/guest/upgrade",
    credentials=True,
    errors=(
        NotGuestConflictError,
        EmailConflictError,
        UsernameConflictError,
        WeakPasswordError,
        TooManyAttemptsError,
        UserNotFoundError,
        CrossSiteRequestError,
    ),
    example=enveloped(examples.LOGIN),
    other_responses={202: "Accepted: a mail with a confirmation link is on its way."},
)
async def upgrade_guest(
    body: RegisterRequest, principal: LoggedInUser, origin: Origin, cookie: TokenCookie, deps: Deps, response: Response
) -> Success[Login | None]:
    """Upgrade a guest to a user.

    The user keeps the id and everything the guest owns. The tokens of the guest end; the response has new ones. Where the
    operator requires confirmed email addresses, the response is 202 without tokens, whether or not the address has an account; the
    guest stays a guest until `POST /auth/email/confirm`.
    """
    login = await guests.upgrade_guest(body, principal.user_id, origin, deps)
    if login is None:
        response.status_code = 202
        return ok(None, message="Open the link in the mail that is on its way to you, then log in.")
    return ok(cookie.keep(login))
