"""Endpoints for sessions and their tokens."""

from fastapi import Depends

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin, secret
from echo_auth.usecases import registration, sessions
from echo_common.auth.dependencies import CurrentPrincipal
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    TooManyAttemptsError,
    UsernameConflictError,
)
from echo_common.contracts.http.auth import Login, LoginRequest, RefreshRequest, RegisterRequest, Tokens
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(secret)])


@router.endpoint(
    "POST", "/auth/register", status=201, errors=(EmailConflictError, UsernameConflictError), example=enveloped(examples.LOGIN)
)
async def register(body: RegisterRequest, origin: Origin, deps: Deps) -> Success[Login]:
    """Register an account and log in."""
    return ok(await registration.register(body, origin, deps))


@router.endpoint(
    "POST",
    "/auth/login",
    errors=(InvalidCredentialsError, AccountInactiveError, TooManyAttemptsError),
    example=enveloped(examples.LOGIN),
)
async def log_in(body: LoginRequest, origin: Origin, deps: Deps) -> Success[Login]:
    """Log in with an email address or a username."""
    return ok(await sessions.log_in(body, origin, deps))


@router.endpoint("POST", "/auth/refresh", errors=(InvalidRefreshTokenError,), example=enveloped(examples.TOKENS))
async def refresh(body: RefreshRequest, deps: Deps) -> Success[Tokens]:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token is valid once. Presenting a used one ends the session, because it may have been stolen.
    """
    return ok(await sessions.refresh(body.refresh_token.get_secret_value(), deps))


@router.endpoint("POST", "/auth/logout", example=enveloped(None, message="Logged out."))
async def log_out(principal: CurrentPrincipal, deps: Deps) -> Success[None]:
    """Log out.

    The session's access tokens are refused everywhere within five seconds.
    """
    await sessions.log_out(principal.session_id, deps)
    return ok(None, message="Logged out.")
